"""A complete small host: `app` for gunicorn and the flask command, and everything at once under `python wsgi.py`."""

import os
import re
from pathlib import Path

try:
    from click import ClickException
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy.exc import ArgumentError

    from ascriptica_plugin import Ascriptica, accounts, site
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is missing. Install what this host needs: pip install '.[standalone]'") from None

HERE = Path(__file__).absolute()


def with_driver(url: str) -> str:
    """A PostgreSQL's URL that names no driver gets the one that the extra `postgres` installs.

    SQLAlchemy 2.0 would take another one than 2.1, and neither takes postgres://, which some platforms still write.
    """
    return re.sub("^postgres(ql)?://", "postgresql+psycopg://", url)


def _switch(name: str) -> bool:
    value = os.environ.get(name) or "0"
    if value not in ("0", "1"):
        raise RuntimeError(f"{name} must be 1, or left out.")
    return value == "1"


def _engine_options(url: str) -> dict[str, object]:
    # A database that was restarted is no reason to fail the next request. What fails is told in the log without its
    # values, which are people's.
    options: dict[str, object] = {"pool_pre_ping": True, "hide_parameters": True}
    if url.startswith("sqlite"):
        # It lets one write at a time, and those who wait stand in no line: in a rush some need more than its 5 seconds.
        options["connect_args"] = {"timeout": 30}
    return options


def _set_up_database(app: Flask) -> None:
    try:
        if not app.config["SQLALCHEMY_DATABASE_URI"].startswith(("sqlite", "postgresql")):
            raise ValueError("neither of the two that we know")
        SQLAlchemy(app)
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"{error.name} is missing; DATABASE_URL needs it. pip install '.[postgres]' has PostgreSQL's."
        ) from None
    except (ArgumentError, ValueError):
        raise RuntimeError(
            "DATABASE_URL must look like postgresql://user:password@localhost:5432/name, or be left out for SQLite."
        ) from None


def create_app(config: dict | None = None) -> Flask:
    """The host, configured from the environment; `config` wins over it.

    Raises RuntimeError, with a sentence for the operator, where something of it can't be used.
    """
    app = Flask(__name__, instance_path=str(HERE.with_name("instance")))
    app.config.update(
        SECRET_KEY=os.environ.get("SECRET_KEY"),
        SQLALCHEMY_DATABASE_URI=with_driver(
            os.environ.get("DATABASE_URL") or f"sqlite:///{app.instance_path}/ascriptica.sqlite3"
        ),
        REDIS_URL=os.environ.get("REDIS_URL"),
        ASCRIPTICA_TOKEN_KEYS=os.environ.get("ASCRIPTICA_TOKEN_KEYS"),
        ASCRIPTICA_ALLOW_PRIVATE_CANVAS=_switch("ASCRIPTICA_ALLOW_PRIVATE_CANVAS"),
        ASCRIPTICA_CANVAS_CA_FILE=os.environ.get("ASCRIPTICA_CANVAS_CA_FILE"),
        ASCRIPTICA_TIMEZONE=os.environ.get("ASCRIPTICA_TIMEZONE") or "UTC",
        ASCRIPTICA_LOG_DAYS=os.environ.get("ASCRIPTICA_LOG_DAYS") or 180,
        ASCRIPTICA_ADDRESS=os.environ.get("ASCRIPTICA_ADDRESS"),
        ASCRIPTICA_ADMIN_SECOND_STEP=_switch("ASCRIPTICA_ADMIN_SECOND_STEP"),
        ASCRIPTICA_PROXIES=os.environ.get("ASCRIPTICA_PROXIES"),
        SMTP_URL=os.environ.get("SMTP_URL"),
        MAIL_FROM=os.environ.get("MAIL_FROM"),
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=accounts.IDLE,
        MAX_CONTENT_LENGTH=1_000_000,
    )
    app.config.update(config or {})
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", _engine_options(app.config["SQLALCHEMY_DATABASE_URI"]))
    _set_up_database(app)
    Ascriptica(
        app,
        load_participant=accounts.load_participant,
        may_administer=accounts.may_administer,
        forget_person=accounts.forget_person,
        correct_person=accounts.correct_person,
    )
    site.init_app(app)
    accounts.init_app(app)
    return app


if __name__ == "__main__":
    from ascriptica_plugin import standalone

    standalone.run(create_app, HERE)
else:
    try:
        app = create_app()
    except RuntimeError as error:
        # Which the flask command tells without a trace, and which stops gunicorn: after SystemExit it would try on.
        raise ClickException(str(error)) from None
