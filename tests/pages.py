"""Pages as tests read them, what is typed into them, and what they leave in the tables."""

import html
import io
import re

from flask import Flask
from sqlalchemy import event, inspect, select
from werkzeug.routing import Rule

from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.columns import Base


def words(answer) -> str:
    """The text of a page, without tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def all_of(app, model):
    session = app.extensions["sqlalchemy"].session
    session.expire_all()
    return list(session.scalars(select(model).order_by(*inspect(model).primary_key)))


def new_course(**fields) -> dict:
    return {"code": "ART", "title": "Art for all", "canvas_course": "", "canvas_section": ""} | fields


def confirm_preview(client, code: str, **other):
    """Confirm the preview of a change, with the number of people where the page asks for it."""
    page = client.get(f"/tools/courses/{code}/preview").text
    form = {"seen": re.search('name="seen" value="(.*?)"', page)[1]}
    if number := re.search(r"Type (\d+) to confirm", page):
        form["number"] = number[1]
    return client.post(f"/tools/courses/{code}/preview", data=form | other, follow_redirects=True)


COURSE_SETTINGS = "/tools/settings/course-settings"


def typed(canvas, **other) -> dict:
    """What an administrator types to connect to the practice Canvas."""
    return {
        "display_canvas": "y",
        "canvas_url": canvas.api,
        "canvas_token": canvas.token,
        "canvas_root_id": str(canvas.ids["account.root"]),
    } | other


def save(client, form, **extra):
    return client.post(COURSE_SETTINGS, data={**form, **extra}, follow_redirects=True)


def connections_of(app) -> list[Connection]:
    session = app.extensions["sqlalchemy"].session
    session.expire_all()
    return list(session.scalars(select(Connection).order_by(Connection.id)))


def queries(app, client, path: str) -> int:
    """How many statements a page takes."""
    asked = []

    def count(*args):
        asked.append(args[2])

    engine = app.extensions["sqlalchemy"].engine
    event.listen(engine, "before_cursor_execute", count)
    answer = client.get(path)
    event.remove(engine, "before_cursor_execute", count)
    assert answer.status_code == 200
    return len(asked)


def walked(client, path: str, way: str = "next"):
    """This page of a list, and all those that its links lead on to; `way` prev leads back."""
    seen = set()
    while path:
        assert path not in seen
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200
        yield answer
        link = re.search(rf'rel="{way}" href="([^"]+)"', answer.text)
        path = html.unescape(link[1]) if link else None


def upload(client, kind: str, data: str | bytes, name: str = "file.csv", **more):
    file = (io.BytesIO(data.encode() if isinstance(data, str) else data), name)
    return client.post("/tools/import", data={"kind": kind, "file": file, **more}, follow_redirects=True)


def pressed(client, answer, words_on_it: str, **options):
    """What the form of that button on the page answers."""
    form = next(form for form in re.findall(r"<form.*?</form>", answer.text, re.DOTALL) if words_on_it in form)
    return client.post(re.search(r'action="([^"]+)"', form)[1], **options)


def rules_of(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in {"static", "ascriptica.static"}]


def everything(app: Flask) -> dict[str, list]:
    """All that is in the database."""
    session = app.extensions["sqlalchemy"].session
    session.rollback()
    return {
        name: sorted(map(repr, session.execute(select(table)).all())) for name, table in Base.metadata.tables.items()
    }


ELSEWHERE = ("//evil.example", "//evil.example/courses/ART", "/\\evil.example", "/a\\b", "/\t/evil.example")
"""Paths that lead away, or that a browser takes for another site."""
