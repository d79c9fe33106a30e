"""Every command in the files of docs/deploy exists, and takes the options that it is given there."""

import json
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from .office_at_work import make_app
from .processes import REPOSITORY

DEPLOY = REPOSITORY / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
IMAGE = (DEPLOY / "Containerfile").read_text()


def commands() -> list[list[str]]:
    """What the units start, what the image starts, and what its first lines say to run in it."""
    started = [line for unit in UNITS for line in re.findall(r"^ExecStart(?:Pre)?=(.+)$", unit.read_text(), re.M)]
    found = [shlex.split(line) for line in started]
    found += [re.findall(r'"([^"]*)"', line) for line in re.findall(r"^CMD (\[.+\])$", IMAGE, re.M)]
    found += [["flask", "ascriptica", *line.split()] for line in re.findall(r"flask ascriptica ([a-z-]+)", IMAGE)]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_in_deploy_exists(command, tmp_path, sqlite_url):
    program, *options = command
    name = Path(program).name
    # Gunicorn loads the application and ends; flask says what the command is for.
    only_tried = ["--check-config", *options] if name == "gunicorn" else [*options, "--help"]
    environment = {"DATABASE_URL": sqlite_url, "SECRET_KEY": "only for tests", "PYTHONPATH": str(REPOSITORY)}
    environment |= {"FLASK_APP": re.search(r'FLASK_APP="(.+)"', IMAGE)[1], "PATH": "/usr/bin:/bin"}
    run = [sys.executable, "-m", name, *only_tried]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_worker_upgrade_and_health_commands_are_in_the_deploy_files():
    assert len(UNITS) == 2
    assert {tuple(one)[-1] for one in commands()} >= {"worker", "upgrade", "worker-health"}
    assert sum("gunicorn" in one[0] for one in commands()) == 2


def test_ascriptica_run_runs_a_command_as_the_units_run_theirs(tmp_path):
    (tmp_path / "systemd-run").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "systemd-run").chmod(0o700)
    asked = [str(DEPLOY / "ascriptica-run"), "sh", "-c", 'echo "$DATABASE_URL"']
    run = subprocess.run(asked, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True)
    options, command = run.stdout.split("/usr/bin/env\n")
    assert command == 'sh\n-c\necho "$DATABASE_URL"\n'
    properties = set(re.findall("^--property=(.+)$", options, re.M))
    for unit in UNITS:
        its = set(unit.read_text().splitlines())
        assert properties <= its
        named = ("DynamicUser", "User", "State", "WorkingDirectory", "EnvironmentFile", "UMask")
        assert {line for line in its if line.startswith(named)} == properties
        assert re.search("--setenv=PATH=([^:]+):", options)[1] in unit.read_text()
    site = re.search('FLASK_APP="(.+)"', IMAGE)[1]
    assert f"--setenv=FLASK_APP={site}\n" in options


def test_the_units_that_the_page_stops_and_starts_are_there():
    page = (REPOSITORY / "docs" / "operator.md").read_text()
    named = {name for names in re.findall("systemctl (?:start|stop) ([a-z -]+)", page) for name in names.split()}
    assert named == {unit.stem for unit in UNITS}


def in_image(what: str) -> list[str]:
    """The arguments of an instruction of the image, in which it is the last but for its options."""
    return json.loads(re.search(rf"^{what}.*?(\[.+\])$", IMAGE, re.MULTILINE)[1])


def test_the_image_does_not_start_without_a_database_that_is_kept():
    run = [*in_image("ENTRYPOINT"), "echo", "started, with", "$HOME and 'this'"]
    kept = subprocess.run(run, env={"PATH": "/usr/bin:/bin", "DATABASE_URL": "x"}, capture_output=True, text=True)
    assert (kept.returncode, kept.stdout) == (0, "started, with $HOME and 'this'\n")
    lost = subprocess.run(run, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert lost.returncode != 0
    assert lost.stdout == ""
    assert "DATABASE_URL" in lost.stderr


@pytest.mark.parametrize("prefix", [None, "/registration"])
def test_the_image_s_health_is_asked_below_the_prefix(sqlite_url, prefix):
    app = make_app(sqlite_url, **({"ASCRIPTICA_URL_PREFIX": prefix} if prefix else {}))
    server = make_server("127.0.0.1", 0, app)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        program, option, code = in_image("HEALTHCHECK")
        assert program == "python"
        environment = {"ASCRIPTICA_URL_PREFIX": prefix} if prefix else {}
        run = [sys.executable, option, code.replace(":8000", f":{server.port}")]
        asked = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=60)
        assert asked.returncode == 0, asked.stderr
    finally:
        server.shutdown()
        server.server_close()


def test_containers_have_as_long_to_end_as_the_units():
    seconds = {}
    for unit in UNITS:
        seconds[unit.stem] = int(re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)[1])
    runs = [line for line in IMAGE.splitlines() if "podman run" in line and "--rm" not in line]
    assert len(runs) == 2
    for line in runs:
        unit = "ascriptica-worker" if "ascriptica worker" in line else "ascriptica-web"
        assert f"--stop-timeout {seconds[unit]} " in line
