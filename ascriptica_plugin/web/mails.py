"""Writes our mails about registrations and alerts, from the templates in `ascriptica/mails`, which a host can override.

A template's first line is the subject. Links lead to `ASCRIPTICA_ADDRESS`, never to the host name of a request.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy.orm import Session

from ..ledger import access as known
from ..ledger.causes import CAUSES
from ..office import mails_to_administrators, mails_to_participants
from ..shared.language import in_language, nearest, t, tn
from ..tables.canvas import Connection, load_settings
from ..tables.mails import Alert, Mail
from ..tables.office import Course, Registration
from .canvas_access_words import course_address
from .tracker import WAYS_IN

STATUS = {
    "in": ("registered",),
    "moved_up": ("registered",),
    "moved": ("registered",),
    "removed": ("withdrawn",),
    "cancelled": ("withdrawn",),
    "reopened": ("registered", "waitlisted"),
}
"""A mail about a registration is sent only if the registration still has one of these statuses."""


@dataclass(frozen=True)
class Writer:
    """Returns the subject and text of one of our mails; None if it is no longer needed. `address` is this site's; blank
    if none is set."""

    app: Flask
    address: str

    def __call__(self, session: Session, mail: Mail, now: datetime) -> tuple[str, str] | None:
        registration = session.get(Registration, mail.registration_id) if mail.registration_id else None
        theirs = registration.participant.language if registration is not None else None
        with in_language(nearest(theirs) or self._plugin.language):
            return self._write(session, mail, now)

    def _write(self, session: Session, mail: Mail, now: datetime) -> tuple[str, str] | None:
        if mail.kind == "way_in":
            about = self._of_link(session, mail)
        elif mail.kind in mails_to_participants.KINDS:
            about = self._of_registration(session, mail)
        else:
            about = self._of_alert(session, mail, now)
        if about is None:
            return None
        settings = load_settings(session)
        about["contact"] = {name: getattr(settings, f"contact_{name}") for name in ("text", "email", "phone")}
        about |= {"site": self._plugin.look.brand, "t": t, "tn": tn}
        template = self.app.jinja_env.get_template(f"ascriptica/mails/{mail.kind}.txt")
        subject, _, text = template.render(about).strip().partition("\n")
        return subject, text.strip() + "\n"

    def _of_registration(self, session: Session, mail: Mail) -> dict[str, Any] | None:
        registration = session.get(Registration, mail.registration_id)
        if registration is None or registration.status not in STATUS[mail.kind]:
            return None
        access = known.of_registrations(session, [registration.id]).get(registration.id)
        there = access.there if access is not None else None
        if mail.kind == "in" and there is None:
            return None
        canvas = login = None
        if access is not None and there is not None:
            connection = session.get_one(Connection, access.connection_id)
            canvas, login = course_address(connection, there.canvas_course_id), access.login
        left = session.get(Course, int(mail.event)) if mail.kind == "moved" and mail.event else None
        page = self._page("course", code=registration.course.code)
        return {
            "name": registration.participant.name,
            "course": registration.course.title,
            "waits": registration.status == "waitlisted",
            "left": left.title if left is not None else None,
            "page": page,
            "canvas": canvas,
            "login": login,
            "way_in": t(WAYS_IN.get(access.way_in or "", "")) if access is not None else None,
        }

    def _of_link(self, session: Session, mail: Mail) -> dict[str, Any] | None:
        """The mail with the link for somebody new to Canvas to choose a password. They get it even if they have
        withdrawn."""
        link = mail.link.open(self._plugin.canvases.keys) if mail.link is not None else None
        registration = session.get(Registration, mail.registration_id)
        if link is None or registration is None or registration.participant.erase_at is not None:
            return None
        access = known.of_registrations(session, [registration.id]).get(registration.id)
        return {
            "name": registration.participant.name,
            "course": registration.course.title,
            "page": self._page("course", code=registration.course.code),
            "link": link,
            "login": access.login if access is not None else None,
        }

    def _of_alert(self, session: Session, mail: Mail, now: datetime) -> dict[str, Any] | None:
        alert = session.get(Alert, mail.event)
        if alert is None:
            return None
        connection = session.get_one(Connection, alert.connection_id)
        about: dict[str, Any] = {"canvas": connection.account_name}
        if alert.kind == "attention":
            # The mail names what still waits at the time when it is sent.
            waiting = mails_to_administrators.what_waits(session, connection, now)
            titles = {name: cause.title for name, cause in CAUSES.items()}
            titles |= {name: t(title) for name, title in mails_to_administrators.NO_CAUSES.items()}
            about["waiting"] = [vars(line) | {"title": titles[line.cause]} for line in waiting if line.cause in titles]
            about |= {"page": self._page("overview"), "now": now}
            return about if about["waiting"] else None
        if alert.kind == "token_ends":
            about["ends_at"] = datetime.fromisoformat(alert.detail[0])
        elif alert.detail:
            about["cause"], about["title"] = alert.detail[0], CAUSES[alert.detail[0]].title
        about["page"] = self._page("course_settings")
        return about

    @property
    def _plugin(self) -> Any:
        return self.app.extensions["ascriptica"]

    def _page(self, name: str, **values: str) -> str | None:
        """The address of one of our pages; None if this site's address is not set, or the host has no such page."""
        endpoint = f"ascriptica.{name}"
        if not self.address or endpoint not in self.app.view_functions:
            return None
        site = urlsplit(self.address)
        root = self.app.config["APPLICATION_ROOT"]
        pages = self.app.url_map.bind(site.netloc, root, url_scheme=site.scheme)
        return pages.build(endpoint, values, force_external=True)


KINDS = mails_to_participants.KINDS | mails_to_administrators.KINDS
"""All mails that this module writes, as Course Settings name them."""
