"""Every command in the files of docs/deploy exists, and takes the options that it is given there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

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
