"""The world before anything breaks: a Canvas with courses and people, and an office connected to it."""

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import insert, select

from ascriptica_plugin.canvas.scopes import SCOPES
from ascriptica_plugin.office.people import participant_for
from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts, sessions
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.columns import Sealed
from ascriptica_plugin.tables.office import Course

from .office import PLACES, Participant

if TYPE_CHECKING:
    from .stage import Stage

BACK = "http://localhost/tools/settings/course-settings/approved"
TOKEN_LIVES = 5
"""Seconds for which an access token of the developer key works."""

ROOT_ID = 100
SPARES = 40
CHOSEN = {"refused": 2, "deleted": 2, "merged": 2, "twins": 4, "sharing": 2, "corrected": 2}
"""How many people are reserved for the faults that need some of their own."""

WITH_SIS_ID = ("alone", "shared", "crowd")
"""Canvas courses that an SIS import can name."""


def furnish(stage: "Stage", people: int) -> None:
    """Half of the people are in Canvas, and some who were there before; an office is connected to it."""
    everybody = [(f"p{number}@example.org", f"Person {number:04}") for number in range(people)]
    _seed_canvas(stage, everybody)
    token = _kept_token(stage.canvas.data_file)
    stage.admin.headers["Authorization"] = f"Bearer {token}"
    stage.hands.begin()
    tokens = _seed_office(stage, everybody, token)
    office = stage.office
    office.people = [Participant(email, name, *signed_in(stage.app, tokens[email])) for email, name in everybody]
    for name, many in CHOSEN.items():
        office.people, office.chosen[name] = office.people[:-many], office.people[-many:]
    email = "office@example.org"
    office.itself = Participant(email, "The Office", *signed_in(stage.app, tokens[email]))
    for code, places in PLACES.items():
        assert office.move(code, *places[0]), code


def _sis_id(number: int) -> str:
    """The SIS ID of the person of that number; blank for most."""
    return f"S-{number}" if number % 6 in (1, 3) else ""


def _seed_canvas(stage: "Stage", everybody: list[tuple[str, str]]) -> None:
    known = {
        f"p{n}": {"name": name, "login": email, **({"sis_user_id": _sis_id(n)} if _sis_id(n) else {})}
        for n, (email, name) in enumerate(everybody)
        if n % 2
    }
    # People at work in Canvas use the first twenty; the others are only ever mistaken for somebody else.
    strangers = {
        f"s{n}": {"name": f"Stranger {n}", "login": f"s{n}@elsewhere.org", "sis_user_id": f"X-{n}"} for n in range(30)
    }
    names = {canvas for places in PLACES.values() for canvas, _ in places} | {"away"}
    sections = {name: {"name": name} for name in ("one", "two", "late")}
    courses = {
        name: {"name": name, "sections": sections, **({"sis_course_id": name} if name in WITH_SIS_ID else {})}
        for name in [*sorted(names), *stage.office.spares]
    }
    stage.ids = stage.handle(
        "seed",
        given={
            "users": known | strangers,
            "courses": courses,
            # They were in Canvas before they were known here, and no withdrawal ends that.
            "enrollments": {f"before{n}": {"user": f"p{n}", "course": "alone"} for n in (1, 3)}
            | {"teacher": {"user": "p5", "course": "shared", "type": "TeacherEnrollment"}},
        },
    )["ids"]
    stage.handle("options", import_seconds=0.5)


def _seed_office(stage: "Stage", everybody: list[tuple[str, str]], token: str) -> dict[str, str]:
    """Returns each account's token of a session, by email."""
    session, now = stage.session, clock.utc_now()
    made = [{"email": email, "name": name, "password_hash": "-", "is_admin": False} for email, name in everybody]
    made.append({"email": "office@example.org", "name": "The Office", "password_hash": "-", "is_admin": True})
    session.execute(insert(Account), made)
    keys = stage.app.extensions["ascriptica"].canvases.keys
    connection = Connection(
        canvas_url=f"{stage.canvas.url}/api/v1",
        canvas_root_id=ROOT_ID,
        account_name="Practice University",
        token=Sealed.seal(token, keys),
        token_owner="Practice Admin",
        token_saved_at=now,
    )
    if stage.by_developer_key:
        stage.client_id, secret, refresh_token = _approve_a_key(stage)
        connection.key_kind, connection.client_id, connection.refresh_at = "developer_key", stage.client_id, now
        connection.client_secret, connection.refresh_token = Sealed.seal(secret, keys), Sealed.seal(refresh_token, keys)
    session.add_all([connection, *(Course(code=code, title=f"Course {code}") for code in PLACES)])
    session.flush()
    settings = load_settings(session)
    settings.connection_id, settings.display_canvas, settings.mass_by_sis = connection.id, True, True
    session.commit()
    found = session.scalars(select(Account)).all()
    # The people reserved for faults get no SIS ID here.
    known = {email: _sis_id(n) for n, (email, _) in enumerate(everybody[: -sum(CHOSEN.values())])}
    for account in found:
        # As when its email is confirmed.
        participant_for(session, accounts.person_of(account)).sis_user_id = known.get(account.email) or None
    tokens = {account.email: sessions.begin_session(session, account, now) for account in found}
    session.commit()
    return tokens


def _approve_a_key(stage: "Stage") -> tuple[str, str, str]:
    """A developer key whose access tokens live a few seconds: its ID and secret, and a token to refresh with."""
    order = {"redirect_uris": [BACK], "scopes": SCOPES, "include_parameters": True, "expires_in": TOKEN_LIVES}
    key = stage.handle("developer-keys", **order)
    oauth, about = f"{stage.canvas.url}/login/oauth2", {"client_id": key["client_id"], "redirect_uri": BACK}
    approval = {**about, "scope": " ".join(SCOPES), "approve": "1"}
    answer = stage.admin.post(f"{oauth}/accept", data=approval, allow_redirects=False, timeout=10)
    [code] = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
    form = {**about, "client_secret": key["client_secret"], "grant_type": "authorization_code", "code": code}
    given = stage.admin.post(f"{oauth}/token", data=form, timeout=10).json()
    return key["client_id"], key["client_secret"], given["refresh_token"]


def signed_in(app: Flask, token: str) -> tuple[str, str]:
    """The session cookie of somebody who is signed in, and the token that their forms carry."""
    raw = secrets.token_hex(20)
    content = {"_user_id": token, "_fresh": True, "csrf_token": raw}
    cookie = app.session_interface.get_signing_serializer(app).dumps(content)
    return cookie, URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(raw)


def _kept_token(data_file: Path) -> str:
    return json.loads(data_file.read_text())["admin_token"]
