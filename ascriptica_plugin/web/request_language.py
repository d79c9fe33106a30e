"""The language in which a request is answered: the one that the host names, else the browser's, else the site's."""

from typing import Any

from flask import Blueprint, Response, current_app, g, request

from ..shared import language


def asked_for() -> str:
    """The language to answer this request in. Raises TypeError if the host's callback returns neither text nor None."""
    plugin = current_app.extensions["ascriptica"]
    said = plugin.ask_language()
    if said is not None and not isinstance(said, str):
        raise TypeError(f"language must return a code such as 'de', or None, not {type(said).__name__}.")
    wanted = (said, *request.accept_languages.values())
    return next(filter(None, map(language.nearest, wanted)), plugin.language)


def register(pages: Blueprint) -> None:
    """Answer the requests of one of our blueprints in the language that is asked for."""
    # This is the first of our code to run in a request, before anything is refused.
    pages.url_value_preprocessor(_begin)
    pages.teardown_request(_end)
    pages.after_request(_say_so)


def _begin(endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.ascriptica_spoke = language.speak(asked_for())


def _end(error: BaseException | None) -> None:
    """Restore the thread's language: it also serves other requests, the host's too."""
    if "ascriptica_spoke" in g:
        language.speak(g.pop("ascriptica_spoke"))


def _say_so(response: Response) -> Response:
    """Make caches keep one answer for each language."""
    response.vary.add("Accept-Language")
    return response
