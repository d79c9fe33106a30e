"""What happens when a page fails. In a host, the error is raised and the host's own error pages answer. The pages here
are for a site that is ours alone: each has a sentence and a next step, never a stack trace."""

from contextlib import suppress

from flask import Blueprint, Flask, current_app, g, make_response, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError, TimeoutError
from werkzeug.exceptions import HTTPException, SecurityError, ServiceUnavailable

from ..shared import language, pauses
from ..shared.language import Marked, t
from ..shared.process_log import about
from .base import blueprint, session
from .headers import shut_doors
from .request_language import asked_for
from .showing import show
from .way_back import page_before

WORDS: Marked[dict[int, tuple[str, str]]] = {
    400: (
        "That could not be understood",
        "Your browser sent something that this page can't read. Nothing was changed.",
    ),
    403: (
        "This page is for administrators",
        "You are signed in, but not as an administrator. If you should be one, ask the operator of this site.",
    ),
    404: ("There is no such page", "The address may have a typing error, or what was here has been removed."),
    405: ("Nothing to see at this address", "This address only accepts forms. Nothing was changed."),
    413: ("That was too large to send", "Nothing was saved. Go back, shorten the text, and send it again."),
    422: ("That could not be saved", "Something in the form is not right. Go back, correct it, and send it again."),
    500: (
        "Something went wrong on our side",
        "It is not your fault, and everything saved before is safe. Try again in a minute. If it happens again, tell "
        "the operator of this site when it happened.",
    ),
    503: (
        "We can't reach our records at the moment",
        "It is not your fault, and everything saved before is safe. Open the page again in a minute. Check whether "
        "your last step was saved before you repeat it.",
    ),
}
TEMPLATE = "ascriptica/error.html"

OPEN_TOO_LONG: Marked[tuple[str, str]] = (
    "This page was open too long",
    "For your safety, a form expires after a while. Nothing was changed. Open the page again and send it once more. "
    "If this keeps happening, allow this site to set cookies.",
)


def page(error: HTTPException) -> ResponseReturnValue:
    """The error page for an HTTP error."""
    code = error.code or 500
    if code >= 500:
        _leave_the_database_out()
    with language.in_language(asked_for()):
        return _page(error, code)


def _page(error: HTTPException, code: int) -> ResponseReturnValue:
    title, text = OPEN_TOO_LONG if isinstance(error, CSRFError) else WORDS[code]
    words = {"title": t(title), "text": t(text), "back": page_before()}
    try:
        shown = show(TEMPLATE, **words)
    except SQLAlchemyError:
        _leave_the_database_out()
        shown = show(TEMPLATE, **words)
    response = make_response(shown, code)
    if code == 503:
        response.headers["Retry-After"] = pauses.OPEN_AGAIN_SECONDS
    return shut_doors(response)


def without_database(error: SQLAlchemyError) -> ResponseReturnValue:
    """503 for a database that is down, full or too busy; it is logged for the operator."""
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    # Not the path, which may be a one-time link. With the trace, since SQLite also reports our own mistakes like this.
    what, kind = (request.method, request.endpoint, reason), type(error).__name__
    its = about(method=request.method, page=request.url_rule, error=kind, reason=reason)
    current_app.logger.error("%s of %s failed in the database: %s", *what, exc_info=error, extra=its)
    return current_app.handle_user_exception(ServiceUnavailable(retry_after=pauses.OPEN_AGAIN_SECONDS))


def register(pages: Blueprint) -> None:
    """Turn a database failure in one of our blueprints into a 503, which the host's or our error page answers."""
    for kind in (OperationalError, InterfaceError, TimeoutError):
        pages.register_error_handler(kind, without_database)


def show_pages(app: Flask) -> None:
    """Answer errors with the pages above: for a site that is ours alone, below our prefix."""
    for code in WORDS:
        app.register_error_handler(code, _page_below_prefix)


def _page_below_prefix(error: HTTPException) -> ResponseReturnValue:
    # There is no page for a host name that is not trusted, because we could not say where its links lead.
    ours = request.path.startswith(current_app.config["ASCRIPTICA_URL_PREFIX"] or "")
    return page(error) if ours and not isinstance(error, SecurityError) else error


def _leave_the_database_out() -> None:
    """Build the error page without queries, because a query may be what failed."""
    g.ascriptica_bare = True
    with suppress(SQLAlchemyError):
        session().rollback()


register(blueprint)
