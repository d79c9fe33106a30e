"""Two example hosts, as their developers wrote them: one with all of our pages, one with pages of its own."""

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup
from flask.testing import FlaskClient

from ascriptica_plugin.cli import anywhere
from ascriptica_plugin.tables.office import Association, Participant, Registration
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..office_at_work import Office, in_use
from ..pages import all_of
from ..processes import Process, free_port, until
from . import campus, headless


def opened(app: Flask) -> Flask:
    with in_use(app):
        if "ascriptica" in app.extensions:
            upgrade_tables(app)
        campus.Base.metadata.create_all(campus.db.engine)
        campus.db.session.add(campus.User(email="ann@example.org", name="Ann", is_staff=True))
        campus.db.session.add(campus.User(email="bob@example.org", name="Bob"))
        campus.db.session.commit()
    return app


def sent(client: FlaskClient, path: str, form_at: str | None = None, **data: str):
    """The answer to sending a form of the page there."""
    token = re.search('name="csrf_token" value="([^"]+)"', client.get(form_at or path).text)
    return client.post(path, data=data | ({"csrf_token": token[1]} if token else {}))


def seen_by_the_tests_of_campus(app: Flask) -> list[tuple]:
    """What the host's own tests look at."""
    client, found = app.test_client(), []

    def look(answer) -> None:
        text = re.sub('name="csrf_token" value="[^"]+"', "", answer.text)
        found.append((answer.status_code, answer.location, text, dict(answer.headers) | {"Set-Cookie": ""}))

    for path in ("/", "/profile", "/sign-in", "/nowhere", "/sign-out"):
        look(client.get(path))
    look(client.post("/sign-in", data={"email": "ann@example.org"}))
    look(sent(client, "/sign-in", email="nobody@example.org"))
    look(client.get("/"))
    look(sent(client, "/sign-in", email="bob@example.org"))
    look(sent(client, "/profile", email="bob.new@example.org"))
    look(client.get("/profile"))
    look(sent(client, "/sign-out", "/"))
    look(client.put("/profile"))
    return found


def test_every_test_of_the_campus_passes_as_before(tmp_path: Path):
    before = seen_by_the_tests_of_campus(
        opened(campus.create_app(f"sqlite:///{tmp_path}/before.sqlite3", with_courses=False))
    )
    after = seen_by_the_tests_of_campus(opened(campus.create_app(f"sqlite:///{tmp_path}/after.sqlite3")))
    assert before == after
    assert {status for status, *_ in before} == {200, 302, 400, 404, 405}


def test_the_campus_runs_courses_of_ours_beside_its_own_pages(tmp_path: Path):
    app = opened(campus.create_app(f"sqlite:///{tmp_path}/campus.sqlite3"))
    ann, bob = app.test_client(), app.test_client()
    assert ann.get("/courses/tools/courses").location == "/sign-in?next=%2Fcourses%2Ftools%2Fcourses"
    assert (
        sent(ann, "/sign-in?next=/courses/tools/courses", email="ann@example.org").location == "/courses/tools/courses"
    )
    sent(bob, "/sign-in", email="bob@example.org")
    assert sent(ann, "/courses/tools/courses/new", code="ART", title="Art").status_code == 302
    assert bob.get("/courses/tools/courses").status_code == 403
    assert bob.post("/courses/courses/ART/register").status_code == 400
    page = bob.get("/courses/courses/ART")
    assert "<title>Art</title>" in page.text
    assert page.text.index("bootstrap.min.css") < page.text.index("ascriptica.css")
    assert "https://cdn.example" in page.headers["Content-Security-Policy"]
    assert sent(bob, "/courses/courses/ART/register", "/courses/courses/ART").status_code == 302
    assert bob.get("/courses/courses/ART").text.count("You are registered for Art.") == 1
    assert "Nothing on campus has this address" in bob.get("/courses/courses/NONE").text
    # The host's own form reports the change to us, in its own transaction.
    sent(bob, "/profile", email="robert@example.org")
    with in_use(app):
        assert [(one.key, one.email) for one in all_of(app, Participant)] == [("2", "robert@example.org")]


def test_a_headless_host_s_people_get_into_canvas(database_url, canvas):
    app = headless.create_app(database_url, ASCRIPTICA_ALLOW_PRIVATE_CANVAS=True)
    with in_use(app):
        headless.Base.metadata.create_all(headless.db.engine)
        headless.db.session.merge(headless.Member(token="t1", email="kim@example.org", name="Kim"))
        headless.db.session.merge(headless.Member(token="t2", email="lee@example.org", name="Lee"))
        headless.db.session.commit()
        office = Office(app, canvas)
        office.connect()
        office.course("ART", capacity=1)
    kim, lee = ({"headers": {"X-Token": token}} for token in ("t1", "t2"))
    client, path = app.test_client(), "/api/courses/ART/registration"
    assert client.put(path).status_code == 401
    assert client.put(path, **kim).json == {"status": "registered"}
    assert client.put(path, **kim).status_code == 409
    assert client.put(path, **lee).json == {"error": "ART here is full."}
    assert client.put(f"{path}?wait=1", **lee).json == {"status": "waitlisted"}
    assert client.put("/api/courses/NONE/registration", **kim).json == {"error": "There is no course NONE."}
    # Associated afterwards, without a page of ours.
    there = str(canvas.ids["course.art"])
    assert client.put("/api/courses/ART/canvas", json={"canvas_course": there}).status_code == 200
    with in_use(app):
        [association] = all_of(app, Association)
        assert (association.canvas_course, association.canvas_course_id) == (there, None)
        office.later(minutes=1)
        office.deliver()
        assert canvas.roster("art") == {"kim@example.org": "active"}
    assert client.delete("/api/me", **kim).status_code == 200
    with in_use(app):
        office.later(minutes=1)
        office.deliver()
        assert canvas.roster("art") == {"kim@example.org": "deleted", "lee@example.org": "active"}
        assert [one.status for one in all_of(app, Registration)] == ["withdrawn", "registered"]
        headless.Base.metadata.drop_all(headless.db.engine)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[str]:
    """The stand-alone site as gunicorn serves it from the installed package, in a folder with nothing in it."""
    port, site = free_port(), "ascriptica_plugin.standalone:create_app()"
    variables = {"PYTHONPATH": ":".join(sys.path)}
    for command in (["flask", "--app", site, "ascriptica", "upgrade"], ["gunicorn", site, "-b", f"127.0.0.1:{port}"]):
        script = f"import os, sys; os.chdir({str(tmp_path)!r}); sys.argv = {command!r}; import runpy; "
        running = Process([sys.executable, "-c", script + f"runpy.run_module({command[0]!r}, run_name='__main__')"])
        running.environment |= variables
        running.start()
        if command[0] == "flask":
            assert running.child.wait(60) == 0
            running.end()
    yield f"http://127.0.0.1:{port}"
    running.end(signal.SIGTERM)


def test_the_stand_alone_site_runs_from_the_package_alone(alone: str, tmp_path: Path):
    def answers() -> bool:
        try:
            return requests.get(f"{alone}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    until(answers)
    assert "Sign in" in requests.get(f"{alone}/", timeout=5).text
    assert (tmp_path / "instance/ascriptica.sqlite3").exists()


@pytest.mark.parametrize(
    ("app", "command", "code", "said"),
    [
        (lambda path: campus.create_app(f"sqlite:///{path}/x.sqlite3"), ["check"], 1, "Run: flask ascriptica upgrade"),
        (lambda path: campus.create_app("sqlite://", with_courses=False), ["check"], 2, "has no Ascriptica in it"),
        (None, ["practice-canvas", "--help"], 0, "Run only the practice Canvas"),
    ],
)
def test_the_ascriptica_command_is_found_without_an_app_and_runs_in_the_app(
    tmp_path: Path, app, command, code, said, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    flask = FlaskGroup(add_default_commands=False, create_app=app and (lambda: app(tmp_path)))
    flask.add_command(anywhere.group)
    done = CliRunner().invoke(flask, ["ascriptica", *command])
    assert (done.exit_code, said in done.output) == (code, True), done.output
