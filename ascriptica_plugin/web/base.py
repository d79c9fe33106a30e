"""The blueprint of our pages, and what each of them has at hand: the plugin, the session, Course Settings.

All of it belongs to our blueprint: nothing here runs in a request for a page of the host.
"""

from typing import Any

from flask import Flask, current_app, g
from sqlalchemy.orm import Session

from ..tables import isolation
from ..tables.canvas import Settings
from . import csrf, request_language
from .pages import Pages

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
    """The application's `Plugin`. Its type can't be imported here, because `extension` imports the pages."""
    return current_app.extensions["ascriptica"]


def session() -> Session:
    """The host's session of this request."""
    return current_app.extensions["sqlalchemy"].session


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
    """From now on, transactions are the host's own again, even if one session serves several requests."""
    isolation.end_ours(session())


@blueprint.teardown_request
def forget_settings(error: BaseException | None) -> None:
    """The next request reads them again, even if one application context serves several requests."""
    g.pop("ascriptica_settings", None)


def init_app(app: Flask, url_prefix: str | None) -> None:
    """Register the pages."""
    app.register_blueprint(blueprint, url_prefix=url_prefix)
