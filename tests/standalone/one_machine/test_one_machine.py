"""`python wsgi.py`, as a person runs it: real processes in a folder of their own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

import wsgi
from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts
from ascriptica_plugin.tables import upgrade

from ...log_events import event
from ...processes import free_port
from .host import PATIENCE, Browser, Host, commands, is_up, parent, states, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with Host(tmp_path_factory.mktemp("host")) as found:
        yield found


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Host]:
    with Host(tmp_path / "another") as found:
        yield found


@pytest.fixture
def pat(host: Host) -> Iterator[Browser]:
    browser = Browser(host.start(), "pat@example.org")
    with browser.session:
        yield browser


def test_the_one_machine_site_prints_its_address_and_who_can_sign_in(host: Host) -> None:
    printed = "\n".join(host.start().printed)
    assert f"{host.url}/" in printed
    assert re.search(r"admin +admin@example\.org +[0-9a-f-]{19}$", printed, re.MULTILINE)
    assert re.search(r"participant +pat@example\.org +[0-9a-f-]{19}$", printed, re.MULTILINE)
    assert requests.get(f"{host.url}/healthz", timeout=PATIENCE).json()["ok"] is True


def test_an_idle_run_is_silent_and_no_secret_is_printed(host: Host) -> None:
    before = host.start().output
    time.sleep(4)
    assert host.output == before
    assert before.splitlines()[-1] == "Stop with Ctrl-C."
    kept = dict(line.split("=", 1) for line in (host.instance / "environment").read_text().splitlines()[1:])
    token = json.loads((host.instance / "practice-canvas.json").read_text())["admin_token"]
    assert kept["SECRET_KEY"] not in before
    assert token not in before


def test_only_its_owner_can_read_the_site_s_files(host: Host) -> None:
    host.start()
    assert host.instance.stat().st_mode & 0o777 == 0o700
    files = [file for file in host.instance.rglob("*") if file.is_file()]
    assert {"environment", "sign-ins.txt", "practice-canvas.json"} <= {file.name for file in files}
    assert [file for file in files if file.stat().st_mode & 0o077] == []
    # Nor can anybody else reach the queue: it listens on this socket and on no port.
    assert (host.instance / "valkey.sock").stat().st_mode & 0o777 == 0o700


def test_the_site_starts_connected_with_its_courses_found_in_canvas(host: Host) -> None:
    admin = Browser(host.start(), "admin@example.org")
    with admin.session as session:
        settings = session.get(f"{host.url}/tools/settings/course-settings", timeout=PATIENCE).text
        assert "127.0.0.1" in settings
        assert "Practice University" in settings
        catalogue = session.get(f"{host.url}/", timeout=PATIENCE).text
        assert all(title in catalogue for title in ("Food Safety Basics", "First Aid", "Spanish I", "Old Town"))


def test_the_status_command_works_beside_it(host: Host) -> None:
    host.start()
    line = f"set -a; . instance/environment; set +a; exec {sys.executable} -m flask --app wsgi ascriptica status --json"
    answer = subprocess.run(
        ["sh", "-c", line], cwd=host.folder, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert json.loads(answer.stdout)["connection"] == "ok"


def test_sign_ins_are_printed_with_their_time(host: Host, pat: Browser) -> None:
    time_of = r"^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.search(
        rf'{time_of} level=INFO logger=ascriptica_plugin\.standalone\.accounts message="Account \d+ signed in from 127',
        host.output,
        re.MULTILINE,
    )


def test_nobody_on_this_machine_is_taken_for_a_proxy(host: Host) -> None:
    host.start()
    headers = {"X-Forwarded-Proto": "https", "SCRIPT_NAME": "/elsewhere", "PATH_INFO": "/nope"}
    answer = requests.get(f"{host.url}/healthz", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200
    assert "Strict-Transport-Security" not in answer.headers


def test_a_request_that_states_two_lengths_is_refused(host: Host) -> None:
    """A server before it may have gone by the other length."""
    host.start()
    second = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    for lengths in (b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Content-Length: 5\r\nContent-Length: 6"):
        with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) as connection:
            connection.sendall(b"POST /sign-in HTTP/1.1\r\nHost: x\r\n" + lengths + b"\r\n\r\n" + second)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 400 "), lengths
        assert answer.count(b"HTTP/1.1") == 1, lengths


def test_a_registration_reaches_the_practice_canvas_and_a_withdrawal_leaves_it(host: Host, pat: Browser) -> None:
    pat.change("ART-110", "register")
    wait_for(lambda: states(host, "ART-110") == ["active"])
    pat.change("ART-110", "withdraw")
    wait_for(lambda: states(host, "ART-110") == [])


@pytest.mark.parametrize("words", ["ascriptica worker", "gunicorn", "valkey-server", "practice-canvas"])
def test_a_killed_process_is_started_again_and_registering_continues(host: Host, pat: Browser, words: str) -> None:
    old = wait_for(lambda: host.child(words))
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: host.child(words) not in (None, old))
    assert "was ended by signal 9; it is started again" in host.output
    wait_for(lambda: is_up(lambda: requests.get(f"{host.url}/healthz", timeout=PATIENCE).ok))
    pat.change("FOOD-101", "register")
    wait_for(lambda: is_up(lambda: states(host, "FOOD-101") == ["active"]))
    pat.change("FOOD-101", "withdraw")
    wait_for(lambda: states(host, "FOOD-101") == [])


def test_whatever_its_processes_log_is_json_if_that_is_asked_for(another: Host) -> None:
    another.start(ASCRIPTICA_LOG="json")
    Browser(another, "pat@example.org").session.close()
    serving = next(pid for pid in commands() if parent(pid) == another.child("gunicorn"))
    os.kill(serving, signal.SIGKILL)
    wait_for(lambda: "was sent SIGKILL" in another.output)
    another.end()
    lines = another.output.partition("Stop with Ctrl-C.\n")[2].splitlines()
    assert {event(line, "json")["logger"] for line in lines} >= {
        "gunicorn.error",
        "ascriptica_plugin.standalone.accounts",
    }


def test_a_taken_port_is_reported_in_one_sentence(another: Host) -> None:
    with socket.create_server(("127.0.0.1", another.port)):
        another.spawn()
        assert another.process.wait(PATIENCE) == 1
    assert f"Can't serve at 127.0.0.1:{another.port}: Address already in use" in another.output
    assert "Traceback" not in another.output


def test_a_second_run_in_one_folder_is_refused_in_one_sentence(host: Host) -> None:
    host.start()
    environment = {**os.environ, "PORT": str(free_port())}
    second = subprocess.run(
        [sys.executable, "wsgi.py"],
        cwd=host.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert second.returncode == 1
    assert "is already running" in second.stderr
    assert host.child("valkey-server")


@pytest.mark.parametrize("module", ["gunicorn", "flask_login"])
def test_a_missing_package_is_reported_in_one_sentence(another: Host, module: str) -> None:
    another.spawn(
        "-c",
        f"import runpy, sys; sys.modules[{module!r}] = None; sys.path.insert(0, ''); "
        "runpy.run_path('wsgi.py', run_name='__main__')",
    )
    assert another.process.wait(PATIENCE) == 1
    assert another.output == f"{module} is missing. Install what this host needs: pip install '.[standalone]'\n"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SECRET_KEY": ""}, "Set SECRET_KEY to a long random value"),
        ({"SECRET_KEY": "x", "ASCRIPTICA_TIMEZONE": "Mars"}, "ASCRIPTICA_TIMEZONE must name a time zone"),
        ({"SECRET_KEY": "x", "DATABASE_URL": "mysql://db"}, "DATABASE_URL must look like postgresql://"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_sentence(another: Host, variables: dict[str, str], sentence: str) -> None:
    flask = ["-m", "flask", "--app", "wsgi", "ascriptica"]
    for command in ([*flask, "status"], [*flask, "worker"], ["wsgi.py"]):
        if command == ["wsgi.py"] and not variables["SECRET_KEY"]:
            continue  # It makes one.
        another.spawn(*command, **variables)
        assert another.process.wait(PATIENCE) == 1
        assert re.fullmatch(rf"(Error: )?{sentence}.*\.\n", another.output), another.output


def test_a_database_with_data_in_it_gets_no_examples(another: Host) -> None:
    database = f"sqlite:///{another.folder}/office.sqlite3"
    office = wsgi.create_app({"SQLALCHEMY_DATABASE_URI": database})
    upgrade.upgrade_tables(office)
    with office.app_context():
        session = office.extensions["sqlalchemy"].session
        accounts.add_account(session, clock.utc_now(), "ann@example.org", "Ann", "long enough for it")
        session.commit()
        office.extensions["sqlalchemy"].engine.dispose()
    another.start(SECRET_KEY="kept elsewhere", DATABASE_URL=database)
    assert [line.split()[0] for line in another.printed] == ["Ascriptica"]
    assert another.child("practice-canvas") is None
    assert "SECRET_KEY" not in (another.instance / "environment").read_text()
    assert another.end(signal.SIGINT) == 0


@pytest.mark.parametrize("short_one", ["XDG_RUNTIME_DIR", "TMPDIR", "HOME"])
def test_a_folder_with_a_long_path_has_its_socket_elsewhere(tmp_path: Path, short_one: str) -> None:
    long = tmp_path / ("long-" * 24)
    with tempfile.TemporaryDirectory() as short, Host(long) as host:
        host.start(**dict.fromkeys(("XDG_RUNTIME_DIR", "TMPDIR", "HOME"), str(long)) | {short_one: short})
        path = Path(re.search(r"REDIS_URL=unix://(\S+)", (host.instance / "environment").read_text())[1])
        assert path.is_relative_to(short)
        assert path.is_socket()
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_site_stops_completely_and_finds_its_data_again(host: Host, pat: Browser) -> None:
    pat.change("AID-200", "register")
    wait_for(lambda: states(host, "AID-200") == ["active"])
    printed = host.printed
    host.process.send_signal(signal.SIGINT)
    assert host.end(signal.SIGTERM) == 0, "a second signal does no harm"
    assert host.left() == []
    assert "Traceback" not in host.output

    assert host.start().printed == printed
    assert states(host, "AID-200") == ["active"]
    with Browser(host, "pat@example.org").session as session:
        assert "First Aid" in session.get(f"{host.url}/my/courses", timeout=PATIENCE).text

    assert len(host.left()) >= 6
    host.end(signal.SIGKILL)
    wait_for(lambda: host.left() == [])
    assert host.start().printed == printed
