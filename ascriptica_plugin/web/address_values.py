"""Checks of what is in the address of a page: ids that a row can have, and words to search for."""

from flask import abort, request

from .base import blueprint

HIGHEST_ID = 2**31 - 1
"""The highest id that our tables can have. A higher number makes the query fail instead of finding nothing."""


@blueprint.url_value_preprocessor
def refuse_ids_too_high(endpoint: str | None, values: dict | None) -> None:
    """404 if a number in the path is too high to be an id, so that no view has to check."""
    if any(isinstance(value, int) and value > HIGHEST_ID for value in (values or {}).values()):
        abort(404)


def typed_search(name: str) -> str:
    """The search words in a field of the query string, cut to a length that any database can handle."""
    return request.args.get(name, "").replace("\x00", "").strip()[:200]
