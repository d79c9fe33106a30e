"""The stand-alone site, made from the environment: `gunicorn "ascriptica_plugin.standalone:create_app()"`."""

import os
from collections.abc import Mapping
from pathlib import Path

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import ArgumentError

from ascriptica_plugin import Ascriptica

from ..shared import config, pauses
from . import accounts, front

# Files that any process of this site writes are private to its user.
os.umask(0o077)


def _engine_options(url: str) -> dict[str, object]:
    # A restarted database must not fail the next request. The process log shows failed statements without their
    # values, which are people's data.
    options: dict[str, object] = {"pool_pre_ping": True, "hide_parameters": True}
    if url.startswith("sqlite"):
        # SQLite lets one write at a time and keeps no queue, so in a rush some writers need more than its 5 seconds.
        options["connect_args"] = {"timeout": pauses.SQLITE_SECONDS}
    return options


def _set_up_database(app: Flask) -> None:
    try:
        SQLAlchemy(app)
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"{error.name} is missing; DATABASE_URL needs it. For PostgreSQL: pip install '.[postgres]'."
        ) from None
    except (ArgumentError, ValueError):
        raise RuntimeError(config.DATABASE_URL_LOOKS_LIKE) from None


def create_app(given: Mapping[str, object] | None = None, instance_path: Path | None = None) -> Flask:
    """The site, configured from the environment; values in `given` take precedence.

    Its files are in `instance_path`, by default `instance/` where the process was started.

    Raises RuntimeError, with a sentence for the operator, if a setting can't be used.
    """
    app = Flask(__name__, instance_path=str(instance_path or Path.cwd() / "instance"))
    typed = {**config.from_environment(config.PLUGIN + config.SITE), **(given or {})}
    values = config.read(typed, config.SITE)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=values["DATABASE_URL"] or f"sqlite:///{app.instance_path}/ascriptica.sqlite3",
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=pauses.SESSION_IDLE,
        MAX_CONTENT_LENGTH=1_000_000,
    )
    app.config.update(typed, SECRET_KEY_FALLBACKS=values["SECRET_KEY_FALLBACKS"])
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", _engine_options(app.config["SQLALCHEMY_DATABASE_URI"]))
    _set_up_database(app)
    Ascriptica(
        app,
        load_participant=accounts.load_participant,
        may_administer=accounts.may_administer,
        forget_person=accounts.forget_person,
        correct_person=accounts.correct_person,
    )
    front.init_app(app)
    accounts.init_app(app)
    return app
