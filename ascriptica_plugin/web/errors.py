"""What a person reads when a request can't be done: a sentence and a way on, never a trace."""

from contextlib import suppress

from flask import Blueprint, current_app, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError, TimeoutError
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from .base import for_every_page, session, shut_doors

WORDS = {
    400: (
        "That could not be understood",
        "Your browser sent something that this page can't read. Nothing was changed.",
    ),
    403: (
        "This page is for administrators",
        "You are signed in, but not as an administrator. If you should be one, ask whoever looks after this site.",
    ),
    404: ("There is no such page", "The address may have a typing error, or what was here has been removed."),
    405: ("Nothing to see at this address", "It only takes what a form sends. Nothing was changed."),
    413: ("That was too large to send", "Nothing was saved. Go back, shorten the text, and send it again."),
    422: ("That could not be saved", "Something in the form is not right. Go back, correct it, and send it again."),
    500: (
        "Something went wrong on our side",
        "It is not your doing, and what was saved before is safe. Try again in a minute; if it happens again, tell "
        "whoever looks after this site when it happened.",
    ),
    503: (
        "We can't reach our records at the moment",
        "It is not your doing, and what was saved before is safe. Open the page again in a minute, and look whether "
        "your last step is there before you take it again.",
    ),
}
AGAIN_SECONDS = 30
"""When to ask again for a page whose database was away, full, or too busy."""

OPEN_TOO_LONG = (
    "This page was open too long",
    "For your safety a form is only good for a while, and this one no longer is. Nothing was changed. Open the page "
    "again and send it once more. If it happens at once, allow this site to set cookies.",
)


def page(error: HTTPException) -> ResponseReturnValue:
    """The error page for an error that Flask hands over."""
    code = error.code or 500
    if code >= 500:
        _leave_the_database_out()
    try:
        context = for_every_page()
    except SQLAlchemyError:
        _leave_the_database_out()
        context = for_every_page()
    title, text = OPEN_TOO_LONG if isinstance(error, CSRFError) else WORDS[code]
    context |= {"title": title, "text": text, "back": page_before()}
    response = make_response(render_template("ascriptica/error.html", **context), code)
    if code == 503:
        response.headers["Retry-After"] = AGAIN_SECONDS
    return shut_doors(response)


def page_without_database(error: SQLAlchemyError) -> ResponseReturnValue:
    """The same where the database is away, full or too busy, which is for the operator and passes."""
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    # Not the path, which may be a one-time link's. With its trace, since SQLite tells our own mistakes so too.
    what = (request.method, request.endpoint, reason)
    current_app.logger.error("%s of %s failed in the database: %s", *what, exc_info=error)
    return page(ServiceUnavailable())


def page_at_no_address(error: HTTPException) -> ResponseReturnValue:
    """The same where no page of anybody's was found, under our prefix; elsewhere the error is not ours."""
    prefix = current_app.config["ASCRIPTICA_URL_PREFIX"] or ""
    return page(error) if request.path.startswith(prefix) else error


def register(pages: Blueprint) -> None:
    """Answer the errors of a blueprint of ours with the error page."""
    for code in WORDS:
        pages.register_error_handler(code, page)
    pages.register_error_handler(CSRFError, page)
    for kind in (OperationalError, InterfaceError, TimeoutError):
        pages.register_error_handler(kind, page_without_database)


def _leave_the_database_out() -> None:
    """Whatever failed may be what the error page would ask."""
    g.ascriptica_bare = True
    with suppress(SQLAlchemyError):
        session().rollback()


def page_before() -> str | None:
    """The path of the page that the person came from, where it is one of this site and worth going back to."""
    came_from, site = request.referrer or "", request.host_url
    path = came_from.removeprefix(site[:-1])
    own = came_from.startswith(site) and is_own_path(path) and request.method == "POST"
    return path if own else None


def is_own_path(target: str) -> bool:
    """Whether a browser that follows it stays on this site: what begins with // or has a \\ names another one."""
    return target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
