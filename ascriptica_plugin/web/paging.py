"""Lists in numbered pages: how many pages there are, and which one the address asks for."""

from flask import request

A_PAGE = 50
MOST = 1_000_000
"""A page so far off that no list has it, and so near that any database can count to it."""


def pages_of(total: int) -> int:
    """How many pages a list of so many takes; an empty list is a page, too."""
    return max(1, -(-total // A_PAGE))


def page_asked_for(pages: int = MOST) -> int:
    """The page that the address asks for, from 1; the last one where it asks for more."""
    return min(max(request.args.get("page", 1, type=int), 1), pages)


def start_of(page: int) -> int:
    """How many stand on the pages before."""
    return A_PAGE * (page - 1)
