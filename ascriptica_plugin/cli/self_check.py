"""`flask ascriptica check`: checks configuration, database, Redis, Canvas and host.

Each check returns None, or a sentence that says what is wrong and what to do.
"""

import difflib
import os
import smtplib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session

from ..canvas.errors import CanvasError
from ..ledger import seat_states
from ..ledger.causes import CAUSES
from ..shared import clock, config, pauses
from ..sync import checking, page_calls
from ..tables.canvas import load_settings
from ..tables.mails import Mail
from ..tables.upgrade import UnknownDatabase, is_up_to_date, refuse_unknown, sqlite_file
from . import host_migrations

BACKUP_HOURS = 26
"""A day, and the time that a nightly backup takes."""

SHORTEST_KEY = 32
"""How many characters a SECRET_KEY needs so that nobody can guess it: as many as `secrets.token_hex(16)` returns."""

OF_COMMANDS = {"ASCRIPTICA_PASSWORD"}
"""Settings that only `create-user` reads from the environment."""

Check = Callable[[Flask], str | None]


def run(app: Flask, deploy: bool = False) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each check and what is wrong. `deploy` adds the checks that matter only in production.

    Needs an application context. If the database can't be read, the checks that need it are skipped.
    """
    wrong = database(app)
    yield "Database", wrong
    if migrations := host_migrations.config_of(app):
        yield "Migrations", host_migrations.check(migrations)
    for name, check in BESIDE.items():
        yield name, check(app)
    for name, check in {} if wrong else OF_DATABASE.items():
        yield name, check(app)
    for name, check in DEPLOY.items() if deploy else ():
        yield name, check(app)


# -- always ----------------------------------------------------------------------------------------------------------


def database(app: Flask) -> str | None:
    """Check that the database answers and has the tables of this version."""
    engine = app.extensions["sqlalchemy"].engine
    file = sqlite_file(engine)
    try:
        refuse_unknown(engine)
        # Connecting would create the file.
        if file is None or file.exists():
            with engine.connect() as connection:
                if is_up_to_date(connection):
                    return None
    except UnknownDatabase as error:
        return str(error)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return f"It can't be used: {reason}. Check DATABASE_URL, and that the database server is running."
    return "Its tables are not those of this version. Run: flask ascriptica upgrade"


def configuration(app: Flask) -> str | None:
    """Check that every setting with our prefix is one of ours. A setting with a wrong value ends any command before
    this check."""
    known = {one.name for one in (*config.PLUGIN, *config.SITE)} | OF_COMMANDS
    unknown = sorted(name for name in {*os.environ, *app.config} if name.startswith(config.OURS) and name not in known)
    if not unknown:
        return None
    meant = difflib.get_close_matches(unknown[0], known, 1, cutoff=0.9)
    return f"There is no setting {', '.join(unknown)}." + (f" Is {meant[0]} meant?" if meant else " Remove it.")


def files(app: Flask) -> str | None:
    """Check that other users of this machine can't access SQLite's files or the files in `instance/`."""
    file = sqlite_file(app.extensions["sqlalchemy"].engine)
    folders = {folder for folder in (file and file.parent, Path(app.instance_path)) if folder and folder.is_dir()}
    kept = [file.with_name(file.name + end) for end in ("", "-wal", "-shm", "-journal")] if file else []
    kept += [one for one in Path(app.instance_path).rglob("*") if one.is_file()]
    open_to_others = [one for one in [*sorted(folders), *dict.fromkeys(kept)] if one.exists() and _is_open(one)]
    if not open_to_others:
        return None
    names = " ".join(map(str, open_to_others[:5])) + (" …" if len(open_to_others) > 5 else "")
    return f"Other users of this machine can access {names}. Run: chmod go= {names}"


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


def redis(app: Flask) -> str | None:
    """Check that Redis answers."""
    if app.extensions["ascriptica"].bell.answers():
        return None
    return "It does not answer. Start it, or correct REDIS_URL. Until then the worker only looks every few seconds."


def worker(app: Flask) -> str | None:
    """Check that a worker was seen recently, or that nothing waits for one."""
    bell, found = app.extensions["ascriptica"].bell, _status(app)
    seen, is_late = found["worker_seen_seconds"], found["waits_for"] == "worker"
    if is_late or (bell.url and (seen is None or seen > pauses.ALIVE.total_seconds())):
        return (
            "No worker has been seen. Start one: flask ascriptica worker. If one is running, its process log says what "
            "stops it."
        )
    return None


def canvas(app: Flask) -> str | None:
    """Check what the database says about the connection to Canvas. If all is well, ask Canvas from this machine."""
    settings = load_settings(_session(app)())
    connection, waits = settings.connection, _status(app)["waits_for"]
    if settings.draft_problem and settings.display_canvas:
        return f"What was saved in Course Settings could not be confirmed: {settings.draft_problem}"
    if not settings.display_canvas or connection is None:
        return None
    if waits in CAUSES:
        return f"{CAUSES[waits].title}. {CAUSES[waits].remedy(detail=connection.hold_detail)}"
    until = time.monotonic() + pauses.PAGE_SECONDS
    root_id, scoped = connection.canvas_root_id, connection.key_kind == "developer_key"
    try:
        with page_calls.asking(_session(app)(), app.extensions["ascriptica"].canvases, connection, until) as client:
            found = checking.ask(client, root_id, scoped)
    except CanvasError as error:
        return f"It can't be asked from here: {error.said}"
    if found.findings is None:
        return str(found.sentence)
    if missing := found.findings.missing_permissions:
        return f"The token's owner lacks {', '.join(missing)}. See Course Settings."
    return None


def clocks(app: Flask) -> str | None:
    """Check that this machine's clock and the database's show the same time; workers use the database's."""
    now = clock.database_clock(_session(app)())()
    apart = abs((clock.utc_now() - now).total_seconds())
    if apart <= pauses.CLOCKS_APART.total_seconds():
        return None
    return f"This machine's clock and the database's are {apart:.0f} s apart. Synchronize both, by NTP."


def mail(app: Flask) -> str | None:
    """Check that the mail server lets us in, and that mails go out."""
    mailer = app.extensions["ascriptica"].mailer
    try:
        if mailer is not None:
            mailer.reach()
    except (smtplib.SMTPException, OSError) as error:
        return f"The mail server can't be used ({type(error).__name__}). Check SMTP_URL, and that it runs."
    oldest = _session(app).scalar(select(func.min(Mail.made_at)))
    if oldest is None or clock.utc_now() - oldest < pauses.MAILS_WAIT:
        return None
    if mailer is None:
        return "Mails are waiting, but SMTP_URL is not set. Set it, or ignore them: none older than a day is sent."
    return (
        "Mails have waited for more than ten minutes. Check SMTP_URL; the worker's process log has the mail server's "
        "answer."
    )


BESIDE: dict[str, Check] = {"Configuration": configuration, "Files": files, "Redis": redis}
OF_DATABASE: dict[str, Check] = {"Clocks": clocks, "Worker": worker, "Canvas": canvas, "Mail": mail}


def _session(app: Flask) -> scoped_session[Session]:
    return app.extensions["sqlalchemy"].session


def _status(app: Flask) -> dict[str, Any]:
    heard_at, session = app.extensions["ascriptica"].bell.heard_at(), _session(app)()
    return seat_states.status(session, load_settings(session), clock.utc_now(), heard_at)


# -- only in production. The settings of the stand-alone site are checked only there ----------------------------------


def _is_ours(app: Flask) -> bool:
    return "ASCRIPTICA_ADDRESS" in app.config


def address(app: Flask) -> str | None:
    """Check that the stand-alone site knows its own address, and that it is an https one."""
    if not _is_ours(app) or app.config["ASCRIPTICA_ADDRESS"].startswith("https://"):
        return None
    return "Set ASCRIPTICA_ADDRESS to the https:// address of this site. Without it the site answers to any host name."


def proxies(app: Flask) -> str | None:
    """Check that the stand-alone site knows how many proxies are in front of it."""
    if not _is_ours(app) or int(app.config["ASCRIPTICA_PROXIES"]):
        return None
    return (
        "Set ASCRIPTICA_PROXIES to the number of proxies in front of this site. Without it, all visitors count as one."
    )


def secret_key(app: Flask) -> str | None:
    """Check that `SECRET_KEY` is long enough and has enough different characters."""
    if len(app.config["SECRET_KEY"]) >= SHORTEST_KEY and len(set(app.config["SECRET_KEY"])) > 8:
        return None
    return "SECRET_KEY can be guessed. Make one: python -c 'import secrets; print(secrets.token_hex(32))'"


def token_keys(app: Flask) -> str | None:
    """Check that the saved Canvas token is encrypted with keys of its own."""
    if app.config["ASCRIPTICA_TOKEN_KEYS"]:
        return None
    return "Set ASCRIPTICA_TOKEN_KEYS. Without it a new SECRET_KEY makes the saved Canvas token unreadable."


def second_step(app: Flask) -> str | None:
    """Check that administrators need a second step, if the sign-ins are ours."""
    if not _is_ours(app) or app.config["ASCRIPTICA_ADMIN_SECOND_STEP"]:
        return None
    return "Set ASCRIPTICA_ADMIN_SECOND_STEP=1, so that a password alone does not open the office."


def backups(app: Flask) -> str | None:
    """Check that the newest file in the folder of backups is from the last day, if we know the folder."""
    if not (folder := app.config.get("ASCRIPTICA_BACKUPS")):
        return None
    newest = max((one.stat().st_mtime for one in Path(folder).glob("*") if one.is_file()), default=None)
    if newest is None:
        return f"There is no backup in {folder}. See docs/operator.md, Back up and restore."
    hours = (clock.utc_now().timestamp() - newest) / 3600
    if hours <= BACKUP_HOURS:
        return None
    return f"The newest backup in {folder} is {hours:.0f} hours old. Find out why last night's was not made."


def debug(app: Flask) -> str | None:
    """Check that debugging is off: with it on, a visitor can run code."""
    return "Turn debugging off: its error pages let anybody who sees them run code." if app.debug else None


DEPLOY: dict[str, Check] = {
    "Address": address,
    "Proxies": proxies,
    "Secret key": secret_key,
    "Token keys": token_keys,
    "Second step": second_step,
    "Backups": backups,
    "Debugging": debug,
}
