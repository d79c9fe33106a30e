"""Every line of real processes, gunicorn's own ones too, is one event in the shape that ASCRIPTICA_LOG names."""

import os
import re
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from ascriptica_plugin.standalone.one_machine import _web_command

from ..log_events import event
from ..processes import REPOSITORY, Web, until, worker

OURS = "--logger-class ascriptica_plugin.standalone.gunicorn_lines.Logger"


@pytest.mark.parametrize("shape", ["text", "json"])
def test_every_line_of_gunicorn_and_worker_is_an_event(sqlite_url, tmp_path, shape):
    web = Web(sqlite_url, "", tmp_path / "web.log", ASCRIPTICA_LOG=shape)
    web.arguments += ["--log-level", "info"]
    at_work = worker(sqlite_url, f"unix://{tmp_path}/nothing.sock", tmp_path / "worker.log", ASCRIPTICA_LOG=shape)

    def until_said(process, what: str) -> None:
        until(lambda: what in process.log_file.read_text())

    try:
        web.start()
        at_work.start()
        # Refused by gunicorn, and by us.
        with socket.create_connection(("127.0.0.1", urlsplit(web.url).port), timeout=30) as connection:
            connection.sendall(b'no "HTTP"\\\r\n\r\n')
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
        assert requests.post(f"{web.url}/sign-in", timeout=30).status_code == 400
        os.kill(web.serving()[0], signal.SIGKILL)
        until_said(web, "SIGKILL")
        until(web.serves)
        until_said(at_work, "Redis is away")
    finally:
        for process in (web, at_work):
            process.end()
    events = [event(line, shape) for one in (web, at_work) for line in one.log_file.read_text().splitlines()]
    by_logger = {one["logger"]: one for one in events}
    assert {"gunicorn.error", "ascriptica_plugin.web.refusals", "ascriptica_plugin.worker.redis_bell"} <= set(by_logger)
    refused = by_logger["ascriptica_plugin.web.refusals"]
    assert (str(refused["status"]), refused["page"], refused["asked_by"]) == ("400", "/sign-in", "a stranger")
    said = "\n".join(one["message"] for one in events)
    for own in ("Listening at", "Booting worker", "Invalid request", "was sent SIGKILL", "Shutting down"):
        assert own in said


def test_gunicorn_is_started_with_our_lines_everywhere():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert OURS in " ".join(_web_command("wsgi", listener))
    assert OURS in " ".join(Web("", "", Path()).arguments)
    docs = REPOSITORY / "docs"
    for path in ("operator.md", "deploy/ascriptica-web.service", "deploy/Containerfile"):
        written = re.sub(r'", "|\s\\\n\s+', " ", (docs / path).read_text())
        assert OURS in written, path
