"""Puts the practice Canvas together: one WSGI app, and the server that it runs on."""

from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.routing import BaseConverter

from . import (
    api,
    control,
    front_door,
    oauth,
    pages,
    rehearsing,
    routes_courses,
    routes_enrollments,
    routes_imports,
    routes_results,
    routes_tokens,
    routes_users,
)
from .seed import EXAMPLE, sow
from .traffic import Traffic
from .wire import PracticeServer
from .world import World

#: The modules that fill `api.ROUTES`.
ROUTES = (routes_users, routes_courses, routes_enrollments, routes_imports, routes_results, routes_tokens)


class IdConverter(BaseConverter):
    """One part of the raw path, decoded: an id may contain an encoded slash (doc/api/object_ids.md)."""

    def to_python(self, value: str) -> str:
        return unquote(value)


def create_practice_canvas(data_file: Path | None = None, admin_token: str | None = None) -> Flask:
    """A practice Canvas, as a WSGI app; its world is `app.extensions["practice"]`.

    With `data_file` the world is kept there: every change is written before the answer is sent, and the next start
    reads the file. Otherwise the world ends with the process. A new world has a few example courses.
    """
    world = World(data_file, admin_token)
    if world.is_new:
        sow(world, EXAMPLE)
    world.keep()
    app = Flask(__name__)
    app.extensions["practice"] = world
    app.url_map.converters["id"] = IdConverter
    app.url_map.merge_slashes = False
    traffic = Traffic(app.wsgi_app, world)
    # Flask documents this way to add middleware; to the type checker `wsgi_app` is a method.
    cast(Any, app).wsgi_app = traffic
    api.mount(app, world, denied_status=lambda: traffic.options.denied_status)
    control.mount(app, world, traffic)
    oauth.mount(app, world)
    pages.mount(app, world, traffic)
    rehearsing.mount(app, world, traffic)
    front_door.mount(app, world)

    @app.errorhandler(Exception)
    def fail(error: Exception) -> ResponseReturnValue:
        return api.failure(error) if request.path.startswith("/api/") else pages.failure(error)

    return app


def serve(app: Flask, host: str, port: int) -> PracticeServer:
    """A Werkzeug server for the app, already listening; call its `serve_forever()`. Port 0: any free one (`.port`).

    `shutdown()`, from another thread, also ends the connections that clients keep open.
    """
    return PracticeServer(host, port, app)
