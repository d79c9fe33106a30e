"""`flask ascriptica check`: checks configuration, database, Redis, Canvas and host.

Each check returns None, a `Note`, or a sentence that says what is wrong and what to do.
"""

import difflib
import os
import smtplib
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session

from ..canvas.client import CanvasClient
from ..canvas.errors import CanvasError
from ..ledger import seat_states
from ..ledger.causes import CAUSES
from ..shared import clock, config, pauses
from ..sync import checking, page_calls
from ..tables.canvas import Connection, load_settings
from ..tables.mails import Mail
from ..tables.upgrade import UnknownDatabase, is_up_to_date, refuse_unknown, sqlite_file
from . import host_migrations

BACKUP_HOURS = 26
"""A day, and the time that a nightly backup takes."""

SHORTEST_KEY = 32
"""How many characters a SECRET_KEY needs so that nobody can guess it: as many as `secrets.token_hex(16)` returns."""

OF_COMMANDS = {"ASCRIPTICA_PASSWORD"}
"""Settings that only `create-user` reads from the environment."""


class Note(str):
    """What an operator should know, though it may be right: what is not set up, so that it was not checked."""


Check = Callable[[Flask], str | None]


def run(app: Flask, deploy: bool = False) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each check and what it returned. `deploy` adds the checks that matter only in production.

    Needs an application context. If the database can't be read, the checks that need it are skipped.
    """
    wrong = database(app)
    yield "Database", wrong
    if migrations := host_migrations.config_of(app):
        yield "Migrations", host_migrations.check(migrations)
    for name, check in BESIDE.items():
        if not (deploy and name in DEPLOY):
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


def address(app: Flask) -> str | None:
    """Check that links in mails lead here, and that an https address goes with a proxy."""
    known = app.config["ASCRIPTICA_ADDRESS"]
    if app.extensions["ascriptica"].mailer is not None and not known:
        return "Set ASCRIPTICA_ADDRESS to this site's address: mails are sent, and without it they have no links."
    if known.startswith("https:") and _is_ours(app) and not int(app.config["ASCRIPTICA_PROXIES"]):
        return (
            "ASCRIPTICA_ADDRESS begins with https, so a proxy is in front of this site, but ASCRIPTICA_PROXIES is 0: "
            "everybody counts as one visitor. Set it to the number of proxies."
        )
    return None


def _is_ours(app: Flask) -> bool:
    """Whether this is the stand-alone site."""
    return app.extensions["ascriptica"].sign_ins is not None


def redis(app: Flask) -> str | None:
    """Check that Redis answers."""
    if not app.extensions["ascriptica"].bell.url:
        return Note("not set up. The worker looks every few seconds instead.")
    if app.extensions["ascriptica"].bell.answers():
        return None
    return "It does not answer. Start it, or correct REDIS_URL. Until then the worker only looks every few seconds."


def worker(app: Flask) -> str | None:
    """Check that a worker was seen recently, and that nothing waits for one."""
    found = _status(app)
    seen = found["worker_seen_seconds"]
    if found["waits_for"] == "worker" or seen is None or seen > pauses.ALIVE.total_seconds():
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
    if connection is None:
        is_new = settings.draft_check_at is not None
        return Note("saved in Course Settings, and not checked yet." if is_new else "not set up.")
    if not settings.display_canvas:
        return Note("switched off in Course Settings.")
    if waits in CAUSES:
        return f"{CAUSES[waits].title}. {CAUSES[waits].remedy(detail=connection.hold_detail)}"
    until = time.monotonic() + pauses.PAGE_SECONDS
    root_id, scoped = connection.canvas_root_id, connection.key_kind == "developer_key"
    try:
        with page_calls.asking(_session(app)(), app.extensions["ascriptica"].canvases, connection, until) as client:
            try:
                found = checking.ask(client, root_id, scoped)
            finally:
                _keep_time(app, connection, client)
    except CanvasError as error:
        return f"It can't be asked from here: {error.said}"
    if found.findings is None:
        return str(found.sentence)
    if missing := found.findings.missing_permissions:
        return f"The token's owner lacks {', '.join(missing)}. See Course Settings."
    return None


def _keep_time(app: Flask, connection: Connection, asked: CanvasClient) -> None:
    """For `clocks`, which asks nobody."""
    kept = app.extensions["ascriptica"].canvases.client(connection)
    if kept is not None:
        kept.take_time_of(asked)


def clocks(app: Flask) -> str | None:
    """Check that this machine's clock, the database's, which workers use, and Canvas's show the same time. Canvas's is
    that of its last answer to this process; if it was not asked, it is left out."""
    now = clock.database_clock(_session(app)())()
    if wrong := _apart("the database's", now, "both"):
        return wrong
    connection = load_settings(_session(app)()).connection
    client = app.extensions["ascriptica"].canvases.client(connection) if connection is not None else None
    in_canvas = client.time() if client is not None else None
    return _apart("Canvas's", in_canvas, "this machine's") if in_canvas is not None else None


def _apart(whose: str, now: datetime, which: str) -> str | None:
    apart = abs((clock.utc_now() - now).total_seconds())
    if apart <= pauses.CLOCKS_APART.total_seconds():
        return None
    return f"This machine's clock and {whose} are {apart:.0f} s apart. Synchronize {which}, by NTP."


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
        return None if mailer is not None else Note("not set up. Nobody is mailed.")
    if mailer is None:
        return "Mails are waiting, but SMTP_URL is not set. Set it, or ignore them: none older than a day is sent."
    return (
        "Mails have waited for more than ten minutes. Check SMTP_URL; the worker's process log has the mail server's "
        "answer."
    )


BESIDE: dict[str, Check] = {"Configuration": configuration, "Address": address, "Files": files, "Redis": redis}
OF_DATABASE: dict[str, Check] = {"Worker": worker, "Canvas": canvas, "Clocks": clocks, "Mail": mail}


def _session(app: Flask) -> scoped_session[Session]:
    return app.extensions["sqlalchemy"].session


def _status(app: Flask) -> dict[str, Any]:
    heard_at, session = app.extensions["ascriptica"].bell.heard_at(), _session(app)()
    return seat_states.status(session, load_settings(session), clock.utc_now(), heard_at)


# -- only in production. The settings of the stand-alone site are checked only there ----------------------------------


def https_address(app: Flask) -> str | None:
    """Check that the stand-alone site knows its own address, and that it is an https one."""
    known = app.config["ASCRIPTICA_ADDRESS"]
    if _is_ours(app) and not known:
        return (
            "Set ASCRIPTICA_ADDRESS to the https:// address of this site. Without it the site answers to any host name."
        )
    if known.startswith("http:"):
        return (
            f"ASCRIPTICA_ADDRESS is {known}: passwords and cookies can be read on their way. Have a proxy speak https, "
            "and set the https:// address."
        )
    # What `address` says about proxies has a line of its own here.
    return None if known.startswith("https:") else address(app)


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


def private_canvas(app: Flask) -> str | None:
    """Say where administrators can have this machine connect to. It is no fault: a Canvas may be inside."""
    if not app.extensions["ascriptica"].canvases.allow_private:
        return None
    return Note(
        "ASCRIPTICA_ALLOW_PRIVATE_CANVAS is on, so administrators can have this machine connect to any address inside "
        "your network. Leave it out, unless your Canvas is inside."
    )


def backups(app: Flask) -> str | None:
    """Check that the newest file in the folder of backups is from the last day, if we know the folder. A file with
    nothing in it is no backup."""
    if not (folder := app.config.get("ASCRIPTICA_BACKUPS")):
        return Note("not checked. Set ASCRIPTICA_BACKUPS to the folder that they are put into.")
    found = [one.stat() for one in Path(folder).glob("*") if one.is_file()]
    newest = max((one.st_mtime for one in found if one.st_size), default=None)
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
    "Address": https_address,
    "Proxies": proxies,
    "Secret key": secret_key,
    "Token keys": token_keys,
    "Second step": second_step,
    "Private Canvas": private_canvas,
    "Backups": backups,
    "Debugging": debug,
}
