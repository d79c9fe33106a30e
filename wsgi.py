"""A complete small host: `app` for gunicorn and the flask command, and everything at once under `python wsgi.py`."""

import os
import re
from pathlib import Path

try:
    from click import ClickException
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy.exc import ArgumentError

    from ascriptica_plugin import Ascriptica, config
    from ascriptica_plugin.standalone import accounts, front
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is missing. Install what this host needs: pip install '.[standalone]'") from None

HERE = Path(__file__).absolute()

# Whatever runs this site, a command, a web process or the worker: what it writes is nobody else's on this machine.
os.umask(0o077)


def with_driver(url: str) -> str:
    """A PostgreSQL's URL that names no driver gets the one that the extra `postgres` installs.

    SQLAlchemy 2.0 would take another one than 2.1, and neither takes postgres://, which some platforms still write.
    """
    return re.sub("^postgres(ql)?://", "postgresql+psycopg://", url)


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


def create_app(given: dict | None = None) -> Flask:
    """The host, configured from the environment; `given` wins over it.

    Raises RuntimeError, with a sentence for the operator, where something of it can't be used.
    """
    app = Flask(__name__, instance_path=str(HERE.with_name("instance")))
    app.config.update(
        config.from_environment(config.PLUGIN + config.SITE),
        SQLALCHEMY_DATABASE_URI=with_driver(
            os.environ.get("DATABASE_URL") or f"sqlite:///{app.instance_path}/ascriptica.sqlite3"
        ),
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=accounts.IDLE,
        MAX_CONTENT_LENGTH=1_000_000,
    )
    app.config.update(given or {})
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


if __name__ == "__main__":
    from ascriptica_plugin.standalone import one_machine

    one_machine.run(create_app, HERE)
else:
    try:
        app = create_app()
    except RuntimeError as error:
        # Which the flask command tells without a trace, and which stops gunicorn: after SystemExit it would try on.
        raise ClickException(str(error)) from None
