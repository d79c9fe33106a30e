"""Lists in numbered pages: the number of pages, and the page that the address asks for."""

from flask import request

A_PAGE = 50
MOST = 1_000_000
"""A page number beyond any list, and still small enough for any database."""


def pages_of(total: int) -> int:
    """The number of pages for so many rows; at least 1."""
    return max(1, -(-total // A_PAGE))


def page_asked_for(pages: int = MOST) -> int:
    """The page that the address asks for, from 1 to `pages`."""
    return min(max(request.args.get("page", 1, type=int), 1), pages)


def start_of(page: int) -> int:
    """The number of rows on the pages before."""
    return A_PAGE * (page - 1)
