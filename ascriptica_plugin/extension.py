"""The Flask extension: configuration, blueprint, commands, and the two things asked of a host."""

import base64
import hashlib
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptography.fernet import Fernet, MultiFernet
from flask import Flask

from . import cli, jobs, views
from .connections import Canvases
from .registrations import Person


@dataclass
class Plugin:
    """What `app.extensions["ascriptica"]` holds. `stopping` is set when this process has been told to end."""

    load_participant: Callable[[], Person | None]
    may_administer: Callable[[], bool]
    forget_person: Callable[[str], None]
    correct_person: Callable[[str, str, str], None] | None
    canvases: Canvases
    bell: jobs.Bell
    timezone: ZoneInfo
    log_kept: timedelta
    stopping: threading.Event = field(default_factory=threading.Event)


class Ascriptica:
    """Adds registrations that become Canvas enrollments to a Flask application.

    `load_participant` returns the signed-in person as a `Person`, or None; `may_administer` tells whether they are an
    administrator. A host that wants to follow what the office does to people may give two more, which are called inside
    the same transaction: `forget_person`, told the key of somebody who is being erased; `correct_person`, told the key,
    name and email of somebody who is corrected, which raises ValueError with a sentence where that email can't be. The
    host has set up Flask-SQLAlchemy before.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        load_participant: Callable[[], Person | None],
        may_administer: Callable[[], bool],
        forget_person: Callable[[str], None] = lambda key: None,
        correct_person: Callable[[str, str, str], None] | None = None,
    ):
        self.load_participant = load_participant
        self.may_administer = may_administer
        self.forget_person = forget_person
        self.correct_person = correct_person
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set the application up. Configuration read, all of it optional but SECRET_KEY:

        - `SECRET_KEY`: Flask's own.
        - `REDIS_URL`: where the bell is; None: the worker's sweep alone delivers.
        - `ASCRIPTICA_TOKEN_KEYS`: comma-separated Fernet keys, newest first: the first encrypts the token, all of
          them read it. The last of all is one made from SECRET_KEY, which alone is the default.
        - `ASCRIPTICA_ALLOW_PRIVATE_CANVAS`: True lets the Canvas be inside a private network.
        - `ASCRIPTICA_CANVAS_CA_FILE`: a PEM file with the authorities that may vouch for Canvas's certificate, where
          those that everybody trusts don't.
        - `ASCRIPTICA_TIMEZONE`: the office's time zone for pages and forms; default UTC.
        - `ASCRIPTICA_LOG_DAYS`: for how many days the log of changes is kept; default 180.
        - `ASCRIPTICA_URL_PREFIX`: a path under which all pages are; default none.

        Raises RuntimeError where one of them can't be used, without SECRET_KEY or Flask-SQLAlchemy, or when set
        up twice.
        """
        if "ascriptica" in app.extensions:
            raise RuntimeError("Ascriptica is set up on this application already.")
        if "sqlalchemy" not in app.extensions:
            raise RuntimeError("Set up Flask-SQLAlchemy on the application before Ascriptica.")
        if not app.config.get("SECRET_KEY"):
            raise RuntimeError("Set SECRET_KEY to a long random value: sessions and the Canvas token depend on it.")
        app.config.setdefault("REDIS_URL", None)
        app.config.setdefault("ASCRIPTICA_TOKEN_KEYS", None)
        app.config.setdefault("ASCRIPTICA_ALLOW_PRIVATE_CANVAS", False)
        app.config.setdefault("ASCRIPTICA_CANVAS_CA_FILE", None)
        app.config.setdefault("ASCRIPTICA_TIMEZONE", "UTC")
        app.config.setdefault("ASCRIPTICA_LOG_DAYS", 180)
        app.config.setdefault("ASCRIPTICA_URL_PREFIX", None)
        app.extensions["ascriptica"] = Plugin(
            self.load_participant,
            self.may_administer,
            self.forget_person,
            self.correct_person,
            Canvases(_token_keys(app), bool(app.config["ASCRIPTICA_ALLOW_PRIVATE_CANVAS"]), _ca_file(app)),
            _bell(app),
            _timezone(app),
            _log_kept(app),
        )
        jobs.listen(app.extensions["sqlalchemy"].session)
        views.init_app(app, app.config["ASCRIPTICA_URL_PREFIX"])
        app.cli.add_command(cli.make_group())


def _bell(app: Flask) -> jobs.Bell:
    try:
        return jobs.Bell(app.config["REDIS_URL"] or None)
    except ValueError:
        raise RuntimeError("REDIS_URL must look like redis://localhost:6379/0, rediss://... or unix:///...") from None


def _log_kept(app: Flask) -> timedelta:
    days = str(app.config["ASCRIPTICA_LOG_DAYS"])
    if not re.fullmatch("[1-9][0-9]{0,4}", days):
        raise RuntimeError("ASCRIPTICA_LOG_DAYS must be a whole number of days, at least 1.")
    return timedelta(days=int(days))


def _timezone(app: Flask) -> ZoneInfo:
    try:
        return ZoneInfo(app.config["ASCRIPTICA_TIMEZONE"])
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise RuntimeError("ASCRIPTICA_TIMEZONE must name a time zone, such as America/Denver.") from None


def _token_keys(app: Flask) -> MultiFernet:
    keys = [key.strip() for key in (app.config["ASCRIPTICA_TOKEN_KEYS"] or "").split(",") if key.strip()]
    secret = app.config["SECRET_KEY"]
    secret = secret.encode() if isinstance(secret, str) else secret
    digest = hashlib.blake2b(secret, digest_size=32, person=b"ascriptica-token").digest()
    keys.append(base64.urlsafe_b64encode(digest).decode())
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise RuntimeError("ASCRIPTICA_TOKEN_KEYS must be Fernet keys, separated by commas.") from None


def _ca_file(app: Flask) -> str | None:
    path = app.config["ASCRIPTICA_CANVAS_CA_FILE"] or None
    if path is not None:
        try:
            ssl.create_default_context(cafile=path)
        except OSError:
            raise RuntimeError(
                f"ASCRIPTICA_CANVAS_CA_FILE must be a PEM file with certificates; {path} is none."
            ) from None
    return path
