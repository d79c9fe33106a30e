"""Every page in a made-up language: text outside of ⟦brackets⟧ was never translated."""

import gettext
import re
from html.parser import HTMLParser

import pytest
from flask import Flask
from sqlalchemy import inspect, text

from ascriptica_plugin.shared import language

from ..office_at_work import Office
from ..standalone.accounts.visitors import Visitor, visitor


class Brackets(gettext.NullTranslations):
    """Puts brackets around every text that is asked for."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, one: str, many: str, n: int) -> str:
        return f"⟦{one if n == 1 else many}⟧"


ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "data-label", "label"}
SAME_EVERYWHERE = ("Ascriptica", "Canvas", "UTC", "CSV", "API", "https", "token", "developer_key")


class Escaped(HTMLParser):
    """What a page says outside of brackets."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.depth, self.silent, self.found = 0, [], []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "code", "textarea", "svg"):
            self.silent.append(tag)
        named = dict(attrs)
        for name, value in attrs:
            is_button = name == "value" and named.get("type") in ("submit", "button")
            if value and (name in ATTRIBUTES or is_button):
                self.found += self._outside(value, 0)[0]

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        if not self.silent:
            outside, self.depth = self._outside(data, self.depth)
            self.found += outside

    @staticmethod
    def _outside(said: str, depth: int) -> tuple[list[str], int]:
        found = [""]
        for sign in said:
            depth += {"⟦": 1, "⟧": -1}.get(sign, 0)
            if depth == 0 and sign != "⟧":
                found[-1] += sign
            elif found[-1]:
                found.append("")
        return [part.strip() for part in found if part.strip()], depth


def in_the_tables(app: Flask) -> list[str]:
    """Every text in the database, the longest first: what is shown of it is no text of ours."""
    engine = app.extensions["sqlalchemy"].engine
    found: set[str] = set()
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):
                found |= {str(value) for value in row if isinstance(value, str)}
    return sorted((one for one in found if len(one) > 1), key=len, reverse=True)


def unspoken(page: str, data: list[str]) -> list[str]:
    reader = Escaped()
    reader.feed(page)
    reader.close()
    found = []
    for said in reader.found:
        left = said
        for known in (*data, *SAME_EVERYWHERE):
            left = left.replace(known, "")
        if re.search(r"[^\W\d_]{2}", left):
            found.append(said)
    return found


def test_the_search_finds_text_that_was_not_translated():
    page = '<p title="Here">⟦See <a>⟦the list⟧</a> now⟧ and <b>Ann</b> 5 ⟦⟦x⟧ y⟧</p><img alt="⟦A⟧">'
    assert unspoken(page, ["Ann"]) == ["Here", "and"]


STRANGER = (
    "/",
    "/courses/ART",
    "/courses/FULL",
    "/courses/LATE",
    "/nope",
    "/sign-in",
    "/sign-up",
    "/forgotten-password",
)
PARTICIPANT = (
    "/my/courses",
    "/courses/ART",
    "/courses/FULL",
    "/courses/LEFT",
    "/courses/OPEN",
    "/courses/ART/withdraw",
    "/courses/FULL/withdraw",
    "/my/sign-in",
    "/my/password",
    "/my/email",
    "/my/sessions",
    "/my/second-step",
    "/tools/courses",
)
ADMINISTRATOR = (
    "/tools/",
    "/tools/courses",
    "/tools/courses?q=ART",
    "/tools/courses/new",
    "/tools/courses/ART",
    "/tools/courses/BIO",
    "/tools/courses/FULL",
    "/tools/courses/ART?another=1",
    "/tools/courses/ART/edit",
    "/tools/courses/ART/results",
    "/tools/courses/ART/cancel",
    "/tools/courses/ART/move/1",
    "/tools/participants",
    "/tools/participants?q=nobody",
    "/tools/participants/1",
    "/tools/participants/1/erase",
    "/tools/canvas",
    "/tools/canvas?standing=removed",
    "/tools/canvas/person?q=ron",
    "/tools/canvas/person?q=r",
    "/tools/canvas/matches",
    "/tools/import",
    "/tools/import?kind=courses",
    "/tools/log",
    "/tools/log?q=nothing",
    "/tools/settings/course-settings",
    "/tools/settings/course-settings/disconnect",
    "/tools/settings/course-settings/prove",
    "/tools/settings/office",
)
WRONG = {
    "/tools/courses/new": {},
    "/tools/settings/course-settings": {"display_canvas": "y", "canvas_url": "x", "canvas_root_id": "none"},
    "/tools/settings/office": {"contact_email": "nobody"},
    "/tools/courses/ART": {"people": "x@example.org\nnobody"},
    "/tools/participants/1": {"name": "", "email": "nobody", "sis_user_id": "#N/A"},
    "/tools/import": {"kind": "participants"},
}
"""Forms with mistakes in them."""

OF_CANVAS = (
    *("one@example.org", "two@example.org", "http://127.0.0.1", "Kim One", "Kim Two", "Biology", "Art", "one", "two"),
    *("rob", "ron", "Chromium", "Werkzeug", "Google", "SAML"),
)
"""What Canvas and browsers call themselves and theirs."""


@pytest.fixture
def spoken(furnished, monkeypatch) -> Office:
    furnished.app.config["WTF_CSRF_ENABLED"] = False
    monkeypatch.setattr(language, "catalogue", lambda code: Brackets())
    return furnished


def signed_in(office: Office, name: str) -> Visitor:
    client = visitor(office.app)
    assert client.sign_in(f"{name}@example.org").status_code == 302
    return client


@pytest.mark.parametrize(
    ("who", "paths"),
    [(None, STRANGER), ("ann", PARTICIPANT), ("boss", ADMINISTRATOR)],
    ids=["stranger", "participant", "administrator"],
)
def test_every_text_is_in_the_chosen_language(spoken, who, paths):
    client = signed_in(spoken, who) if who else visitor(spoken.app)
    answers = {path: client.get(path) for path in paths}
    if who == "boss":
        answers |= {f"POST {path}": client.post(path, data=form) for path, form in WRONG.items()}
    data = sorted([*OF_CANVAS, *in_the_tables(spoken.app)], key=len, reverse=True)
    assert {path for path, answer in answers.items() if answer.status_code not in (200, 403, 404, 422)} == set()
    found = {f"{path}: {said}" for path, answer in answers.items() for said in unspoken(answer.text, data)}
    assert not found, "\n".join(sorted(found))
