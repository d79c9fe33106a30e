"""What every page needs: the blueprint, the signed-in person, the session, security headers, a log of refusals.

All of it is our blueprint's: nothing here runs in a request for a page of the host's.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any, cast

from flask import Flask, Response, abort, current_app, g, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from ..office.people import Person
from ..tables import isolation
from ..tables.canvas import Settings
from . import csrf, request_language
from .headers import HEADERS, IN_A_HOST_S_LAYOUT, Answer
from .look import colors_css
from .pages import Pages
from .way_back import sign_in_address

log = logging.getLogger(__name__)

blueprint = Pages(
    "ascriptica",
    __name__,
    template_folder="../templates",
    static_folder="../static",
    # Without a url_prefix the host's own /static would be found first.
    static_url_path="/static/ascriptica",
)
request_language.register(blueprint)
blueprint.add_app_template_global(csrf.token_input, "ascriptica_csrf_input")


def plugin() -> Any:
    """The application's `Plugin`; its type is out of reach, since `extension` imports the pages."""
    return current_app.extensions["ascriptica"]


def session() -> Session:
    """The host's session of this request."""
    return current_app.extensions["sqlalchemy"].session


def signed_in() -> Person | None:
    """Who is signed in, as the host says. Raises TypeError where that is no `Person`."""
    found = plugin().load_participant()
    if found is None:
        return None
    if not isinstance(found, Person):
        raise TypeError(
            f"load_participant must return an ascriptica_plugin.Person or None, not {type(found).__name__}."
        )
    for name in ("key", "email", "name"):
        if not isinstance(value := getattr(found, name), str) or not value:
            raise TypeError(f"load_participant: {name} of the Person must be text, not {value!r}.")
    return found


def is_administrator() -> bool:
    """Whether an administrator is signed in. The host is only asked about somebody who is signed in."""
    if signed_in() is None:
        return False
    found = plugin().may_administer()
    if not isinstance(found, bool):
        raise TypeError(f"may_administer must return True or False, not {type(found).__name__}.")
    return found


def person() -> Person:
    """The signed-in person. Where nobody is signed in, the request ends with what leads the visitor to sign in."""
    return signed_in() or abort(_ask_to_sign_in())


def _ask_to_sign_in() -> Response | int:
    """Flask-Login's answer where the host has it, or the way to `sign_in`; else 401, which the host answers."""
    manager, address = getattr(current_app, "login_manager", None), sign_in_address()
    # After a POST Flask-Login would lead back to an address that only takes forms.
    asks = manager is not None and (request.method == "GET" or manager.unauthorized_callback or not address)
    if manager is not None and asks:
        return current_app.make_response(manager.unauthorized())
    return cast(Response, redirect(address)) if address else 401


def _answer(value: ResponseReturnValue) -> Response:
    # Also where the host has a class of its own for responses, and where a view redirects.
    answer = cast(Answer, Answer.force_type(current_app.make_response(value)))
    if not plugin().look.is_own:
        answer.doors = HEADERS | IN_A_HOST_S_LAYOUT
    return answer


def _repeated(view: Callable) -> Callable:
    """Call the view again where its transaction came in the way of another one, unless it has committed something.

    Only a transaction that the host began before our view can fail like this: ours wait for each other instead.
    """

    @functools.wraps(view)
    def repeated(**kwargs: Any) -> ResponseReturnValue:
        try:
            return view(**kwargs)
        except DBAPIError as error:
            if not isolation.may_be_repeated(session(), error):
                raise
        session().rollback()
        for file in request.files.values():
            file.stream.seek(0)
        return view(**kwargs)

    return repeated


def for_everybody(view: Callable) -> Callable:
    """Marks a page that needs no sign-in, so that a test can find a view whose guard was forgotten."""

    @functools.wraps(view)
    def guarded(**kwargs: Any) -> ResponseReturnValue:
        return _answer(view(**kwargs))

    return _marked(_repeated(guarded), "everybody")


def for_participants(view: Callable) -> Callable:
    """Only for signed-in people. The view's first argument is the `Person`."""

    @functools.wraps(view)
    def guarded(**kwargs: Any) -> ResponseReturnValue:
        return _answer(view(person(), **kwargs))

    return _marked(_repeated(guarded), "participants")


def only_administrators() -> None:
    """401 when nobody is signed in, 403 when the person is not an administrator."""
    person()
    if not is_administrator():
        abort(403)


def for_administrators(view: Callable) -> Callable:
    """Only for administrators; see `only_administrators`."""

    @functools.wraps(view)
    def guarded(**kwargs: Any) -> ResponseReturnValue:
        only_administrators()
        return _answer(view(**kwargs))

    return _marked(_repeated(guarded), "administrators")


def _marked(view: Callable, guard: str) -> Callable:
    cast(Any, view).guard = guard
    return view


def init_app(app: Flask, url_prefix: str | None) -> None:
    """Register the pages."""
    app.register_blueprint(blueprint, url_prefix=url_prefix)


def shut_doors(response: Response) -> Response:
    """Add our security headers to any response, for a site that is ours alone."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


HIGHEST_ID = 2**31 - 1
"""The highest id that our tables can have. A higher number makes the query fail instead of finding nothing."""


@blueprint.url_value_preprocessor
def refuse_ids_too_high(endpoint: str | None, values: dict | None) -> None:
    """404 if a number in the path is too high to be an id, so that no view has to check."""
    if any(isinstance(value, int) and value > HIGHEST_ID for value in (values or {}).values()):
        abort(404)


REFUSED = (400, 403, 405, 413)


@blueprint.after_request
def log_refusals(response: Response) -> Response:
    """Write refused requests to the process log. The host logs those for its own pages."""
    if response.status_code in REFUSED:
        # The rule, not the path: a path may contain a one-time link.
        what = f"{request.method} {request.url_rule or 'no page of ours'}"
        log.warning("%d for %s, asked by %s from %s.", response.status_code, what, _asking(), request.remote_addr)
    return response


def _asking() -> str:
    try:
        found = signed_in()
    except SQLAlchemyError:
        return "somebody"
    return found.key if found else "a stranger"


def typed_search(name: str) -> str:
    """The search words in a field of the query string, cut to a length that any database can handle."""
    return request.args.get(name, "").replace("\x00", "").strip()[:200]


def settings() -> Settings:
    """Course Settings, read once per request, and again after each commit or rollback."""
    # A session forgets objects that nothing refers to, so the request keeps a reference. The session refreshes it.
    g.ascriptica_settings = session().get_one(Settings, 1)
    return g.ascriptica_settings


@blueprint.before_request
def begin_ours() -> None:
    """From now on, transactions in this request are ours."""
    isolation.begin_ours(session())


@blueprint.teardown_request
def end_ours(error: BaseException | None) -> None:
    """The host's own transactions are its own again, even if one session serves several requests."""
    isolation.end_ours(session())


@blueprint.teardown_request
def forget_settings(error: BaseException | None) -> None:
    """The next request reads them again, even if one application context serves several requests."""
    g.pop("ascriptica_settings", None)


blueprint.get("/ascriptica-colors.css")(for_everybody(colors_css))
