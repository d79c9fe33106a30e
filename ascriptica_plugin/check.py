"""`flask ascriptica check`: what is wrong with configuration, database, Redis, Canvas and host. Changes nothing.

Each check answers None, or a sentence that names what is wrong and what to do.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session

from . import clock
from .ledger import standing
from .ledger.causes import CAUSES, remedy
from .tables.canvas import load_settings
from .tables.office import Mail
from .tables.upgrade import is_up_to_date, sqlite_file

SEEN = timedelta(minutes=1)
MAILS_WAIT = timedelta(minutes=10)
SHORTEST_KEY = 32
"""Characters of a SECRET_KEY that nobody guesses: what `secrets.token_hex(16)` makes."""

Check = Callable[[Flask], str | None]


def run(app: Flask, deploy: bool = False) -> Iterator[tuple[str, str | None]]:
    """The name of each check, and what is wrong; `deploy` adds what matters in production alone.

    To be called in an application context. Where the database can't be read, what needs it is left out.
    """
    wrong = database(app)
    yield "Database", wrong
    for name, check in BESIDE.items():
        yield name, check(app)
    for name, check in {} if wrong else OF_DATABASE.items():
        yield name, check(app)
    for name, check in DEPLOY.items() if deploy else ():
        yield name, check(app)


# -- what always matters ----------------------------------------------------------------------------------------------


def database(app: Flask) -> str | None:
    """Whether it answers, with the tables of this version."""
    engine = app.extensions["sqlalchemy"].engine
    file = sqlite_file(engine)
    try:
        # To connect would make the file.
        if file is None or file.exists():
            with engine.connect() as connection:
                if is_up_to_date(connection):
                    return None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return f"It can't be used: {reason}. Look at DATABASE_URL, and whether the server runs."
    return "Its tables are not those of this version. Run: flask ascriptica upgrade"


def files(app: Flask) -> str | None:
    """Whether other users of this machine can get at SQLite's files, or at what `instance/` holds."""
    file = sqlite_file(app.extensions["sqlalchemy"].engine)
    folders = {folder for folder in (file and file.parent, Path(app.instance_path)) if folder and folder.is_dir()}
    kept = [file.with_name(file.name + end) for end in ("", "-wal", "-shm", "-journal")] if file else []
    kept += [one for one in Path(app.instance_path).rglob("*") if one.is_file()]
    open_to_others = [one for one in [*sorted(folders), *dict.fromkeys(kept)] if one.exists() and _is_open(one)]
    if not open_to_others:
        return None
    names = " ".join(map(str, open_to_others[:5])) + (" …" if len(open_to_others) > 5 else "")
    return f"Other users of this machine can get at {names}. Run: chmod go= {names}"


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


def redis(app: Flask) -> str | None:
    if app.extensions["ascriptica"].bell.answers():
        return None
    return "It does not answer. Start it, or correct REDIS_URL; until then the worker looks by itself what is due."


def worker(app: Flask) -> str | None:
    """Whether one was seen lately. Without Redis one is seen only while it delivers, so only what waits can tell."""
    bell, told = app.extensions["ascriptica"].bell, _status(app)
    seen = told["worker_seen_seconds"]
    if told["waits_for"] == "worker" or (bell.url and bell.answers() and (seen is None or seen > SEEN.total_seconds())):
        return "None is seen. Start one: flask ascriptica worker. If one runs, its log says why it can't go on."
    return None


def canvas(app: Flask) -> str | None:
    """How the connection does, by what is known of it; Canvas is not called."""
    settings = load_settings(_session(app)())
    connection, waits = settings.connection, _status(app)["waits_for"]
    if settings.draft_problem and settings.display_canvas:
        return f"What was saved in Course Settings could not be confirmed: {settings.draft_problem}"
    if not settings.display_canvas or connection is None:
        return None
    if waits in CAUSES:
        return f"{CAUSES[waits].title}. {remedy(waits, detail=connection.hold_detail)}"
    if connection.missing_permissions:
        return f"The token's owner lacks {connection.missing_permissions.replace(',', ', ')}. Course Settings say more."
    return None


def mail(app: Flask) -> str | None:
    """Whether mails go out; without a mail server none is written."""
    mailer = app.extensions["ascriptica"].mailer
    oldest = _session(app).scalar(select(func.min(Mail.made_at)))
    if oldest is None or clock.utc_now() - oldest < MAILS_WAIT:
        return None
    if mailer is None:
        return "Mails wait, and there is no SMTP_URL to send them by. Set it, or ignore them: they are given up."
    return "Mails wait for more than ten minutes. Look at SMTP_URL, and for the server's answer in the worker's log."


BESIDE: dict[str, Check] = {"Files": files, "Redis": redis}
OF_DATABASE: dict[str, Check] = {"Worker": worker, "Canvas": canvas, "Mail": mail}


def _session(app: Flask) -> scoped_session[Session]:
    return app.extensions["sqlalchemy"].session


def _status(app: Flask) -> dict[str, Any]:
    heard_at, session = app.extensions["ascriptica"].bell.heard_at(), _session(app)()
    return standing.status(session, load_settings(session), clock.utc_now(), heard_at)


# -- what matters in production alone. What the stand-alone site sets is left alone in a host of one's own ------------


def _is_ours(app: Flask) -> bool:
    return "ASCRIPTICA_ADDRESS" in app.config


def address(app: Flask) -> str | None:
    if not _is_ours(app) or app.config["ASCRIPTICA_ADDRESS"].startswith("https://"):
        return None
    return "Set ASCRIPTICA_ADDRESS to the https:// address of this site. Without it any host name is answered."


def proxies(app: Flask) -> str | None:
    if not _is_ours(app) or int(app.config["ASCRIPTICA_PROXIES"]):
        return None
    return "Set ASCRIPTICA_PROXIES to the number of proxies before this site: without it all visitors count as one."


def secret_key(app: Flask) -> str | None:
    if len(app.config["SECRET_KEY"]) >= SHORTEST_KEY and len(set(app.config["SECRET_KEY"])) > 8:
        return None
    return "SECRET_KEY can be guessed. Make one: python -c 'import secrets; print(secrets.token_hex(32))'"


def token_keys(app: Flask) -> str | None:
    if app.config["ASCRIPTICA_TOKEN_KEYS"]:
        return None
    return "Set ASCRIPTICA_TOKEN_KEYS: without keys of its own the Canvas token is lost with a new SECRET_KEY."


def second_step(app: Flask) -> str | None:
    if not _is_ours(app) or app.config["ASCRIPTICA_ADMIN_SECOND_STEP"]:
        return None
    return "Set ASCRIPTICA_ADMIN_SECOND_STEP=1, so that a password alone does not open the office."


def debug(app: Flask) -> str | None:
    return "Turn debugging off: its pages run code for whoever sees them." if app.debug else None


DEPLOY: dict[str, Check] = {
    "Address": address,
    "Proxies": proxies,
    "Secret key": secret_key,
    "Token keys": token_keys,
    "Second step": second_step,
    "Debugging": debug,
}
