"""Nobody's email is in the process log, whatever happens: real processes, set up to log as they do in production."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ascriptica_plugin.standalone.accounts import passwords
from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.office import Participant

from ..databases import a_table_gone
from ..inbox import Inbox
from ..log_events import event
from ..office_at_work import HASHED_BY, Office, in_use, make_app
from ..pages import COURSE_SETTINGS, all_of, typed, words
from ..practice_canvas import Practice
from ..processes import Process, Web, until, worker
from ..servers import Raw, Server, path_of, reply
from ..standalone.accounts.visitors import has_account
from ..visitor import Visitor

SAID = "ref@example.org is in use by somebody else"


def refusing_one(canvas: Practice, request: bytes) -> bytes:
    """The practice Canvas, which puts the email of one person into words, and refuses them."""
    head, _, body = request.partition(b"\r\n\r\n")
    if b"/enrollments" in head and b"ref%40" in body + head:
        return reply({"errors": [{"message": SAID}]}, "400 Bad Request")
    method, asked = head.split(b" ", 1)[0].decode(), f"{canvas.url}{path_of(request)}"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Bearer {canvas.token}"}
    came = requests.request(method, asked, data=body, headers=headers, timeout=30)
    return reply(came.content, f"{came.status_code} {came.reason}")


@pytest.fixture
def office(database_url: str, canvas: Practice) -> Iterator[Office]:
    with in_use(make_app(database_url)) as app:
        has_account(app, "boss@example.org", admin=True)
        has_account(app, "ann@example.org")
        yield Office(app, canvas)


@pytest.fixture
def refusing(canvas: Practice, raw: Raw) -> Server:
    return raw(lambda request: refusing_one(canvas, request))


@pytest.fixture
def shape(database_url: str) -> str:
    return "json" if database_url.startswith("postgres") else "text"


@pytest.fixture
def logged(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / f"{name}.log" for name in ("web", "worker")}


@pytest.fixture
def web(office: Office, database_url: str, logged: dict[str, Path], shape: str, inbox: Inbox, monkeypatch):
    # As the processes hash, so that none of them does it anew at the first sign-in.
    monkeypatch.setattr(passwords, "METHOD", HASHED_BY)
    mails = {"SMTP_URL": f"smtp://127.0.0.1:{inbox.port}", "MAIL_FROM": "office@example.org"}
    web = Web(database_url, "", logged["web"], ASCRIPTICA_LOG=shape, **mails, ASCRIPTICA_ADDRESS="")
    web.environment["ASCRIPTICA_ADDRESS"] = web.url
    web.arguments += ["--log-level", "info"]
    web.start()
    yield web
    web.end()


@pytest.fixture
def at_work(web: Web, database_url: str, logged: dict[str, Path]) -> Iterator[Process]:
    process = worker(database_url, log_file=logged["worker"])
    process.environment |= {name: value for name, value in web.environment.items() if name != "DATABASE_URL"}
    process.start()
    yield process
    process.end()


def test_nobody_s_email_is_logged(office, canvas, refusing, inbox, web, at_work, logged, shape):
    session = office.session

    def now_there(model: type[Base]) -> list[Any]:
        session.rollback()
        return all_of(office.app, model)

    def until_logged(name: str, said: str) -> None:
        until(lambda: said in logged[name].read_text())

    # Signing up and in, right and wrong.
    ann, boss, stranger = (Visitor(lambda: web.url) for _ in range(3))
    stranger.sign_in("stranger@example.org", "guessed at once")
    ann.sign_in("ann@example.org", "guessed at once")
    ann.sign_in("ann@example.org")
    boss.sign_in("boss@example.org")
    inbox.answer = "550 no such mailbox"
    stranger.post("/sign-up", email="new@example.org", name="New", password="four words that differ")
    until_logged("worker", "refuses the recipient")
    inbox.controller.stop()
    stranger.post("/sign-up", email="other@example.org", name="Other", password="four words that differ")
    until_logged("worker", "could not be sent")
    inbox.start()
    # Registering, by oneself and by the office; Canvas lets one in, and refuses one in words that name them.
    boss.post(COURSE_SETTINGS, **typed(canvas, canvas_url=refusing.url, missing_users="create"))
    until(lambda: now_there(Connection))
    boss.post("/tools/courses/new", code="ART", title="Art", canvas_course=str(canvas.ids["course.art"]))
    ann.post("/courses/ART/register", page="/courses/ART")
    brought = boss.post("/tools/courses/ART", people="ref@example.org, Ref\nlou@example.org, Lou")
    assert "2 people are registered" in words(brought)
    until_logged("worker", "Lou in Canvas course")
    until_logged("worker", "(email) is in use by somebody else")
    ann.post("/courses/ART/withdraw", page="/courses/ART/withdraw")
    until_logged("worker", "removed")
    # A file, with a row that can't be right.
    rows = b"email,name,course,status\nkim@example.org,Kim,ART,registered\nkim@example.org,Kim,NONE,registered\n"
    boss.post("/tools/import", files={"file": ("kim@example.org.csv", rows)}, kind="registrations")
    until(lambda: now_there(Import)[0].finished_at)
    # Looking for people, correcting and erasing them, and what is refused.
    boss.get("/tools/participants", q="lou@example.org")
    ann.get("/tools/participants", q="lou@example.org")
    ann.get("/tools/log", q="lou@example.org")
    [number] = [one.id for one in now_there(Participant) if one.email == "lou@example.org"]
    boss.post(f"/tools/participants/{number}", name="Lou", email="lou.new@example.org", sis_user_id="")
    boss.post(f"/tools/participants/{number}/erase", name="Lou", end_access="y")
    until(lambda: all(one.id != number for one in now_there(Participant)))
    # Statements that fail in the database, in both processes.
    session.rollback()
    with a_table_gone(office.app, "ascriptica_mail"):
        stranger.post("/sign-up", email="late@example.org", name="Late", password="five words that differ")
        until_logged("web", "ascriptica_mail")
        until_logged("worker", "ascriptica_mail")
    at_work.end()
    web.end()

    lines = [line for file in logged.values() for line in file.read_text().splitlines()]
    assert [line for line in lines if re.search("@|%40", line)] == []
    assert all(event(line, shape) for line in lines)
    said = "\n".join(lines)
    for one in (
        "signed in from",
        "wrong password for account",
        "wrong password for no account",
        "403 for GET",
        "enrolled",
    ):
        assert one in said
