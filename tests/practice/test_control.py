"""Who may use the handles under /practice, and by which addresses the practice Canvas answers."""

import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from ascriptica_plugin.practice import control, create_practice_canvas, serve

from ..practice_canvas import Practice
from ..processes import FLASK, REPOSITORY, free_port, until

HANDLES = [("GET", "seed"), ("POST", "seed"), ("POST", "options"), ("GET", "faults"), ("DELETE", "calls")]


@contextmanager
def running(data_file: Path | None = None, host: str = "127.0.0.1") -> Iterator[tuple[str, str]]:
    """A practice Canvas's address and its admin's token."""
    app = create_practice_canvas(data_file)
    server = serve(app, host, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}", app.extensions["practice"].admin_token
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("method", "handle"), HANDLES)
def test_only_who_can_read_a_kept_world_s_file_may_use_the_practice_handles(tmp_path, method, handle):
    file = tmp_path / "practice.json"
    with running(file) as (url, _):
        before = file.read_bytes()
        for headers in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": "Bearer "}):
            answer = requests.request(method, f"{url}/practice/{handle}", json={}, headers=headers, timeout=5)
            assert answer.status_code == 401
            assert "data file" in answer.json()["error"]
        assert file.read_bytes() == before
        headers = {"Authorization": f"Bearer {json.loads(before)['admin_token']}"}
        assert requests.request(method, f"{url}/practice/{handle}", json={}, headers=headers, timeout=5).ok


def test_the_practice_handles_work_after_the_token_was_revoked(tmp_path):
    with running(tmp_path / "practice.json") as (url, token):
        headers = {"Authorization": f"Bearer {token}"}
        for state in ("revoked", "active"):
            answer = requests.post(f"{url}/practice/options", json={"token": state}, headers=headers, timeout=5)
            assert answer.json()["token"] == state


def test_a_token_with_fewer_rights_opens_no_handle(tmp_path):
    with running(tmp_path / "practice.json") as (url, token):
        given = {"given": {"token": {"without": ["read_roster"]}}}
        headers = {"Authorization": f"Bearer {token}"}
        less = requests.post(f"{url}/practice/seed", json=given, headers=headers, timeout=5).json().get("token")
        assert less
        assert less != token
        answer = requests.get(f"{url}/practice/seed", headers={"Authorization": f"Bearer {less}"}, timeout=5)
        assert answer.status_code == 401


def test_programs_that_know_only_what_the_bare_command_prints_can_seed_it():
    port = free_port()
    command = [*FLASK, "practice-canvas", "--port", str(port)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        lines = [process.stdout.readline() for _ in range(4)]
        url, token, root_id = (line.split()[-1] for line in lines[1:])
        until(lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None)
        site = url.removesuffix("/api/v1")
        seeded = requests.post(f"{site}/practice/seed", json={"given": {"courses": {"a": {"name": "A"}}}}, timeout=5)
        assert str(seeded.json()["ids"]["account.root"]) == root_id
        assert requests.get(f"{site}/practice/seed", timeout=5).json() == {"mails": 0}
        course = requests.get(
            f"{url}/courses/{seeded.json()['ids']['course.a']}", headers={"Authorization": f"Bearer {token}"}, timeout=5
        )
        assert course.json()["name"] == "A"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)


def test_a_world_in_memory_is_controlled_from_this_machine_only():
    client = create_practice_canvas().test_client()
    for address, status in (("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 401), ("", 401)):
        assert client.get("/practice/seed", environ_base={"REMOTE_ADDR": address}).status_code == status


@pytest.mark.parametrize("path", ["/", "/api/v1/users/self", "/practice/world", "/static/practice.css"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.2", "[", ""])
def test_the_practice_canvas_answers_no_name_but_its_own(practice: Practice, path: str, host: str):
    """Such as another site's name, which the site's owner lets lead to this machine."""
    answer = practice.admin.get(f"{practice.url}{path}", headers={"Host": host}, timeout=5)
    assert answer.status_code in (400, 421)
    assert "Practice Admin" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_the_practice_canvas_answers_its_own_names(practice: Practice, host: str):
    port = re.search(r"\d+$", practice.url)[0]
    for one in (host, f"{host}:{port}"):
        assert practice.session.get(f"{practice.url}/practice/seed", headers={"Host": one}, timeout=5).ok


def test_a_practice_canvas_on_all_addresses_answers_the_one_that_was_used():
    with running(host="0.0.0.0") as (url, _):
        assert requests.get(f"{url}/practice/seed", timeout=5).ok
        assert requests.get(f"{url}/practice/seed", headers={"Host": "evil.example"}, timeout=5).status_code == 421


def test_no_id_is_given_out_twice_while_options_are_set(canvas, monkeypatch):
    """A user is made at the moment at which an option was read and is not set yet."""

    def made(number: int) -> int:
        return canvas.hand(
            "POST", "accounts/self/users", **{"user[name]": "N", "pseudonym[unique_id]": f"n{number}@example.org"}
        )["id"]

    read, made_meanwhile = control.replace, []

    def slowly(options, **wanted):
        made_meanwhile.append(made(1))
        return read(options, **wanted)

    monkeypatch.setattr(control, "replace", slowly)
    canvas.options(latency_seconds=0)
    assert made(2) > made_meanwhile[0]
