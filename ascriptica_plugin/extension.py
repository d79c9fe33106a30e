"""The Flask extension: what a host has to give it, and what it adds to the application."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from . import cli, signals, web
from .mail import HandedOver, Mailer
from .office.brake import Brake
from .office.people import Person
from .shared import config
from .shared.language import SOURCE
from .sync.clients import Canvases
from .tables import isolation, keys
from .tables.office import Participant
from .web import mails
from .web.look import OWN_LAYOUT, Look
from .worker.redis_bell import Bell, listen, queue_of
from .worker.rounds import ROUNDS, Round, work


class SignIns(Protocol):
    """What a site with sign-ins of its own adds to the office's pages and to the data held on a person."""

    def waiting(self, session: Session, words: str = "", email: str | None = None) -> list[Any]:
        """Sign-ups that are not confirmed yet: those with all of the words, or with this email."""

    def shown_with(self, session: Session, participant: Participant) -> dict[str, Any]:
        """What the participant's page shows about their sign-in."""

    def forget(self, session: Session, emails: set[str]) -> None:
        """Delete the waiting sign-ups and mails with these emails, which belong to a person who is being erased."""

    def held_on(self, session: Session, participant: Participant) -> dict[str, Any] | None:
        """All data held on the participant's sign-in, ready for JSON, without secrets."""


@dataclass
class Plugin:
    """What `app.extensions["ascriptica"]` holds.

    A site that extends the plugin, such as the stand-alone site, sets `sign_ins` and `owns_database`, may mail people
    (`mail_by`), and adds to `rounds`, which the worker repeats, and to `secrets`, which `rotate-keys` seals again.
    `work` is the worker, until it is stopped; `stopping` is set when this process has been asked to stop.
    """

    load_participant: Callable[[], Person | None]
    may_administer: Callable[[], bool]
    forget_person: Callable[[str], None]
    correct_person: Callable[[str, str, str], str | None] | None
    canvases: Canvases
    bell: Bell
    timezone: ZoneInfo
    log_kept: timedelta
    look: Look
    brake: Brake
    work: Callable[[], None]
    pages: tuple[str, ...] = config.ALL_PAGES
    sign_in: str | None = None
    ask_language: Callable[[], str | None] = lambda: None
    language: str = SOURCE
    sign_ins: SignIns | None = None
    mailer: Mailer | None = None
    owns_database: bool = False
    rounds: list[Round] = field(default_factory=lambda: list(ROUNDS))
    secrets: list[keys.Secrets] = field(default_factory=lambda: [keys.TOKENS, keys.LINKS])
    stopping: threading.Event = field(default_factory=threading.Event)

    def mail_by(self, mailer: Mailer) -> None:
        """Use this to mail people from now on."""
        self.mailer = mailer
        self.canvases.by_mail = True


class Ascriptica:
    """Adds registrations that become Canvas enrollments to a Flask application.

    `load_participant` returns the signed-in person as a `Person`, or None. `may_administer` returns whether they are an
    administrator. A host that keeps people of its own can give two more functions, which are called in the same
    transaction: `forget_person` gets the key of a person who is being erased; `correct_person` gets the key, name and
    email of a person who is being corrected, and may return a sentence for the administrator. Both raise ValueError,
    with a sentence, to refuse. `send_mail` sends a mail of ours, an `EmailMessage` without a sender, in the worker; if
    it is left out, nobody is mailed. `sign_in` is the endpoint or path of the host's sign-in page; if it is left out,
    the `login_view` of Flask-Login is used. `language` returns the code of the visitor's language, such as `de`, or
    None; if it is left out, the browser's language is used. The host sets up Flask-SQLAlchemy first; `db` is that
    object, and is found if it is left out.

    `layout` is the host's template that our pages are shown in. `pages` are those of our pages that the host wants: it
    may have some of `courses`, `my-courses` and `tools` itself. `colors` are custom properties of `ascriptica.css`. For
    `pages` and all arguments after it, a setting of the same name, which an operator may set, takes precedence.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        load_participant: Callable[[], Person | None],
        may_administer: Callable[[], bool],
        forget_person: Callable[[str], None] = lambda key: None,
        correct_person: Callable[[str, str, str], str | None] | None = None,
        send_mail: Callable[[EmailMessage], None] | None = None,
        sign_in: str | None = None,
        language: Callable[[], str | None] = lambda: None,
        db: SQLAlchemy | None = None,
        layout: str = OWN_LAYOUT,
        pages: Sequence[str] | None = None,
        url_prefix: str | None = None,
        queue: str | None = None,
        brand: str | None = None,
        footer: str | None = None,
        colors: Mapping[str, str] | None = None,
    ):
        self.load_participant = load_participant
        self.may_administer = may_administer
        self.forget_person = forget_person
        self.correct_person = correct_person
        self.send_mail = send_mail
        self.sign_in = sign_in
        self.language = language
        self.db = db
        self.layout = layout
        self._given = {
            "ASCRIPTICA_PAGES": pages,
            "ASCRIPTICA_URL_PREFIX": url_prefix,
            "ASCRIPTICA_QUEUE": queue,
            "ASCRIPTICA_BRAND": brand,
            "ASCRIPTICA_FOOTER": footer,
            "ASCRIPTICA_COLORS": colors,
        }
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set up the application; `config.PLUGIN` lists the settings that it reads.

        Raises RuntimeError if a setting is not valid, if SECRET_KEY or Flask-SQLAlchemy is missing, or if the
        application is set up already.
        """
        if "ascriptica" in app.extensions:
            raise RuntimeError("Ascriptica is set up on this application already.")
        if "sqlalchemy" not in app.extensions:
            raise RuntimeError("Set up Flask-SQLAlchemy on the application before Ascriptica.")
        if self.db is not None and self.db is not app.extensions["sqlalchemy"]:
            raise RuntimeError("db is not the SQLAlchemy object that was set up on the application: give that one.")
        values = config.read(app.config, config.PLUGIN, self._given)
        try:
            token_keys = keys.make_keys(config.secret_keys(values), values["ASCRIPTICA_TOKEN_KEYS"])
        except ValueError:
            raise RuntimeError("ASCRIPTICA_TOKEN_KEYS must be Fernet keys, separated by commas.") from None
        reach = (values["ASCRIPTICA_ALLOW_PRIVATE_CANVAS"], values["ASCRIPTICA_CANVAS_CA_FILE"])
        app.extensions["ascriptica"] = Plugin(
            self.load_participant,
            self.may_administer,
            self.forget_person,
            self.correct_person,
            Canvases(token_keys, *reach, mass_seats=values["ASCRIPTICA_MASS_SEATS"]),
            _bell(app, values),
            values["ASCRIPTICA_TIMEZONE"],
            values["ASCRIPTICA_LOG_DAYS"],
            Look(app.jinja_env, self.layout, *(values[f"ASCRIPTICA_{name}"] for name in ("BRAND", "FOOTER", "COLORS"))),
            Brake(values["ASCRIPTICA_BRAKE_PEOPLE"], values["ASCRIPTICA_BRAKE_PERCENT"]),
            partial(work, app),
            values["ASCRIPTICA_PAGES"],
            self.sign_in,
            self.language,
            values["ASCRIPTICA_LANGUAGE"],
        )
        if self.send_mail is not None:
            address = values["ASCRIPTICA_ADDRESS"]
            mailer = HandedOver("", "", address, mails.Writer(app, address), give=self.send_mail)
            app.extensions["ascriptica"].mail_by(mailer)
        listen(app.extensions["sqlalchemy"].session)
        signals.listen(app.extensions["sqlalchemy"].session)
        isolation.listen(app.extensions["sqlalchemy"].session)
        web.init_app(app, values["ASCRIPTICA_URL_PREFIX"])
        app.cli.add_command(cli.make_group())


def _bell(app: Flask, values: dict[str, Any]) -> Bell:
    with app.app_context():
        own_queue = queue_of(config.secret_keys(values)[-1], app.extensions["sqlalchemy"].engine.url)
    url = values["ASCRIPTICA_REDIS_URL"] or values["REDIS_URL"]
    return Bell(url, config.secret_keys(values), values["ASCRIPTICA_QUEUE"] or own_queue)
