"""What every page stands on: the blueprint, who is asking, the session, headers that shut doors, word of refusals."""

import functools
import logging
from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Flask, Response, abort, current_app, g, request
from flask_wtf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ..office.people import Person
from ..tables.canvas import Settings

log = logging.getLogger(__name__)

blueprint = Blueprint(
    "ascriptica",
    __name__,
    template_folder="../templates",
    static_folder="../static",
    # Without a url_prefix the host's own /static would be found first.
    static_url_path="/static/ascriptica",
)

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{power}=()"
        for power in (
            "accelerometer",
            "browsing-topics",
            "camera",
            "display-capture",
            "geolocation",
            "gyroscope",
            "hid",
            "local-fonts",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "serial",
            "usb",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def plugin():
    """The application's `Plugin`."""
    return current_app.extensions["ascriptica"]


def session() -> Session:
    """The host's session of this request."""
    return current_app.extensions["sqlalchemy"].session


def person() -> Person:
    """Who is signed in; 401, which the host answers with its sign-in, when nobody is."""
    found = plugin().load_participant()
    if found is None:
        abort(401)
    return found


def for_everybody(view: Callable) -> Callable:
    """Marks a page that needs no sign-in, so that forgetting a guard can be told from meaning none."""
    view.guard = "everybody"
    return view


def for_participants(view: Callable) -> Callable:
    """Only for people who are signed in; the view's first argument is the `Person`."""

    @functools.wraps(view)
    def guarded(**kwargs):
        return view(person(), **kwargs)

    guarded.guard = "participants"
    return guarded


def only_administrators() -> None:
    """401 when nobody is signed in, 403 for anybody else who is no administrator."""
    if not plugin().may_administer():
        person()
        abort(403)


def for_administrators(view: Callable) -> Callable:
    """Only for administrators, as `only_administrators` says."""

    @functools.wraps(view)
    def guarded(**kwargs):
        only_administrators()
        return view(**kwargs)

    guarded.guard = "administrators"
    return guarded


def init_app(app: Flask, url_prefix: str | None) -> None:
    """Register the pages, and CSRF protection where the host has none."""
    if "csrf" not in app.extensions:
        CSRFProtect(app)
    app.register_blueprint(blueprint, url_prefix=url_prefix)


@blueprint.after_request
def shut_doors(response: Response) -> Response:
    """The headers that every page of ours carries."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


HIGHEST_ID = 2**31 - 1
"""The highest id that a table of ours can have; a database fails on a higher number instead of not finding it."""


@blueprint.url_value_preprocessor
def refuse_ids_too_high(endpoint: str | None, values: dict | None) -> None:
    """404 where a number in the path can be no id of ours, so that no view has to look."""
    if any(isinstance(value, int) and value > HIGHEST_ID for value in (values or {}).values()):
        abort(404)


REFUSED = (400, 403, 405, 413)


@blueprint.after_app_request
def tell_what_was_refused(response: Response) -> Response:
    """Say in the process's log who asked in vain for what; of its own pages a host tells itself."""
    ours = request.endpoint is None or (request.blueprint or "").startswith(blueprint.name)
    if ours and response.status_code in REFUSED:
        # The rule, since a path may hold a one-time link.
        what = f"{request.method} {request.url_rule or 'no page of ours'}"
        log.warning("%d for %s, asked by %s from %s.", response.status_code, what, _asking(), request.remote_addr)
    return response


def _asking() -> str:
    try:
        found = plugin().load_participant()
    except SQLAlchemyError:
        return "somebody"
    return found.key if found else "a stranger"


@blueprint.app_template_filter("office_time")
def office_time(value: datetime | None, pattern: str = "%a %d %b %Y, %H:%M") -> str:
    """A UTC time on the office's clock."""
    return value.astimezone(plugin().timezone).strftime(pattern) if value else ""


@blueprint.context_processor
def for_every_page() -> dict:
    """What base.html needs. After a failure it asks nobody, since asking may be what failed."""
    shown = {"timezone": plugin().timezone.key.replace("_", " ")}
    if g.get("ascriptica_bare"):
        return shown | {"signed_in": None, "is_administrator": False, "display_canvas": False, "has_accounts": False}
    return shown | {
        "signed_in": plugin().load_participant(),
        "is_administrator": plugin().may_administer(),
        "display_canvas": settings().display_canvas,
        "has_accounts": has_accounts(),
    }


def typed_search(name: str) -> str:
    """What the query string's field asks to search for, short enough for any database to compare all its words."""
    return request.args.get(name, "").replace("\x00", "").strip()[:200]


def has_accounts() -> bool:
    """Whether people sign in at pages of this site's, not at a host's."""
    return plugin().sign_ins is not None


def settings() -> Settings:
    """Course Settings, read once a request, and once more after each commit or rollback in it."""
    # A session forgets what nobody holds, so the request holds it; whether it is still up to date the session knows.
    g.ascriptica_settings = session().get_one(Settings, 1)
    return g.ascriptica_settings


@blueprint.teardown_app_request
def let_settings_go(error: BaseException | None) -> None:
    """The next request reads them anew, also where one application context serves several."""
    g.pop("ascriptica_settings", None)
