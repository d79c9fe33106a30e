"""Whatever makes files makes them for their owner alone, though the machine would let everybody read them."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from ..processes import FLASK, REPOSITORY, environment, free_port, until

EVERYBODY_MAY_READ = 0o022


def run(folder: Path, *command: str, **more: str) -> subprocess.Popen:
    """A process that was started as a shell starts it, with a database in a folder that is not there yet."""
    settings = environment(f"sqlite:///{folder}/office.sqlite3") | {
        "SECRET_KEY": "only for tests",
        "PATH": "/usr/bin:/bin",
    }
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(list(command), cwd=REPOSITORY, env=settings | more, umask=EVERYBODY_MAY_READ, **quiet)


def done(folder: Path, *command: str, **more: str) -> None:
    process = run(folder, *command, **more)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said.decode()


def seen_by_others(folder: Path) -> list[str]:
    return [f"{it.name} {stat.filemode(it.stat().st_mode)}" for it in [folder, *folder.rglob("*")] if _is_open(it)]


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path / "kept"


def test_commands_web_and_worker_keep_what_they_write_to_themselves(folder: Path):
    done(folder, *FLASK, "upgrade")
    assert seen_by_others(folder) == []
    done(
        folder, *FLASK, "create-user", "ada@example.org", "--name", "Ada", "--admin", ASCRIPTICA_PASSWORD="a long one 1"
    )
    port = free_port()
    gunicorn = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    running = [run(folder, *gunicorn, "--log-level", "warning"), run(folder, *FLASK, "worker")]
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
        until(lambda: (folder / "office.sqlite3-wal").exists())
        assert seen_by_others(folder) == []
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
    assert seen_by_others(folder) == []


def test_a_web_process_started_before_the_tables_exist_opens_no_file_to_others(folder: Path):
    folder.mkdir(0o755)
    folder.chmod(0o700)
    script = "import wsgi; print(wsgi.app.test_client().get('/healthz').status_code)"
    done(folder, sys.executable, "-c", script)
    assert (folder / "office.sqlite3").exists()
    assert seen_by_others(folder) == []


def test_a_host_app_gets_a_private_database_whatever_its_umask(folder: Path):
    script = f"""
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text
from ascriptica_plugin import Ascriptica
from ascriptica_plugin.tables.upgrade import upgrade_tables
host = Flask("host")
host.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI="sqlite:///{folder}/office.sqlite3")
SQLAlchemy(host)
Ascriptica(host, load_participant=lambda: None, may_administer=lambda: False)
upgrade_tables(host)
with host.app_context(), host.extensions["sqlalchemy"].engine.begin() as connection:
    connection.execute(text("UPDATE ascriptica_settings SET display_canvas = 1"))
    from pathlib import Path
    for it in Path("{folder}").iterdir():
        assert not it.stat().st_mode & 0o077, it
    # How it keeps its journal is the host's own affair.
    assert not Path("{folder}/office.sqlite3-wal").exists()
"""
    done(folder, sys.executable, "-c", script)
    assert seen_by_others(folder) == []


def test_the_practice_canvas_keeps_its_world_to_itself(folder: Path):
    port = free_port()
    options = ["--port", str(port), "--data-file", str(folder / "practice.json")]
    process = run(folder, *FLASK, "practice-canvas", *options)
    try:
        until(lambda: (folder / "practice.json").exists())
        assert seen_by_others(folder) == []
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False
