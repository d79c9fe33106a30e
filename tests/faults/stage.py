"""The stage: every process for real, and what can be done to them."""

import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from ..databases import embedded_postgresql, with_tables
from ..office_at_work import in_use, make_app
from ..processes import FLASK, PracticeCanvas, Process, Valkey, Web, environment, until
from .furnishing import furnish
from .hands import Hands
from .office import Office

MANY = 6
"""From so many people due at once, they are sent by SIS import."""


@contextmanager
def a_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database with our tables: "sqlite", in this folder, or "postgresql"."""
    if kind == "sqlite":
        yield with_tables(f"sqlite:///{folder}/office.sqlite3")
    else:
        with embedded_postgresql() as url:
            yield with_tables(url)


class Stage:
    """All processes, started and ended together; `database_url` has our tables, and nothing in them."""

    def __init__(self, folder: Path, database_url: str, seed: int, people: int, workers: int, speed: float = 1):
        self.folder, self.database_url = folder, database_url
        self.rng = random.Random(seed)
        self.clock_file = folder / "clock"
        self.valkey = Valkey(folder)
        self.canvas = PracticeCanvas(folder)
        self.own = {"ASCRIPTICA_MASS_SEATS": str(MANY)}
        self.web = Web(database_url, self.valkey.url, folder / "web.log", **self.own)
        self.workers: list[Process] = []
        self.wanted_workers = workers
        self.speed = speed
        self.by_developer_key = seed // 2 % 2 == 0
        """Else by a pasted token."""
        self.client_id = ""
        self.redis_is_away = False
        self.ending = threading.Event()
        self.weather = threading.Lock()
        """Held while a fault of Canvas's lasts."""
        self.exits = ExitStack()
        self.hands = Hands(self)
        self._handling = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._people = people

    def __enter__(self) -> "Stage":
        try:
            self.app = self.exits.enter_context(in_use(make_app(self.database_url)))
            self.engine = self.app.extensions["sqlalchemy"].engine
            self.session = self.app.extensions["sqlalchemy"].session
            starting = [threading.Thread(target=one.start) for one in (self.valkey, self.canvas, self.web)]
            for thread in starting:
                thread.start()
            for thread in starting:
                thread.join()
            self.practice = self.exits.enter_context(requests.Session())
            self.admin = self.exits.enter_context(requests.Session())
            self.office = Office(self)
            furnish(self, self._people)
            self.full_strength()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for process in [*self.workers, self.web, self.canvas, self.valkey]:
            if process.child is not None:
                process.send(signal.SIGCONT)
                process.end(signal.SIGKILL if process is not self.web else signal.SIGTERM)
        self.exits.close()

    # -- processes ------------------------------------------------------------------------------------------------

    def start_worker(self, point: str | None = None) -> Process:
        """One more worker; `point` names where it is to kill itself."""
        options = [str(self.clock_file), str(self.speed), *([point] if point else [])]
        command = [sys.executable, "-m", "tests.faults.child", *options]
        log_file = self.folder / f"worker-{len(self.workers)}.log"
        process = Process(command, log_file, **environment(self.database_url, self.valkey.url), **self.own)
        process.start()
        self.workers.append(process)
        return process

    def living_workers(self) -> list[Process]:
        return [process for process in self.workers if process.runs()]

    def end_workers(self, number: int) -> None:
        for process in self.living_workers():
            process.end(number)

    def full_strength(self) -> None:
        """As many workers as there should be, at work."""
        while len(self.living_workers()) < self.wanted_workers:
            self.start_worker()
        for process in self.living_workers():
            self.wait_for(process)

    def wait_for(self, worker: Process) -> None:
        """Until a worker is at work, or has died."""
        began = self.folder / f"began-{worker.child.pid}"
        until(lambda: began.exists() or not worker.runs())

    def command(self, *arguments: str) -> str:
        """Run `flask ascriptica ...`; what it printed."""
        where = environment(self.database_url, self.valkey.url) | self.own
        command = Process([*FLASK, *arguments], self.folder / f"{arguments[0]}.log", **where)
        command.log_file.write_text("")
        command.start()
        code = command.child.wait(timeout=300)
        said = command.log_file.read_text()
        assert code == 0, said
        return said

    def without_redis(self, seconds: float) -> None:
        """Redis is gone from now on, and comes back after so many seconds."""
        self.redis_is_away = True
        self.valkey.end(signal.SIGKILL)
        self.run(self._bring_redis_back, seconds)

    def _bring_redis_back(self, seconds: float) -> None:
        self.ending.wait(seconds)
        self.valkey.start()
        self.redis_is_away = False

    def run(self, target: Callable, *args: object) -> None:
        """Do this beside everything else, until the stage closes."""
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def close(self) -> None:
        """Nobody comes any more."""
        self.ending.set()
        for thread in self._threads:
            thread.join()
        if self.by_developer_key:
            # Once everything is at rest Canvas gets no more calls.
            self.handle(f"developer-keys/{self.client_id}", expires_in=3600)

    def heal(self) -> None:
        """Everything that was broken works again."""
        self.clock_file.unlink(missing_ok=True)
        for process in (self.valkey, self.canvas):
            if not process.runs() and not (process is self.valkey and self.redis_is_away):
                process.start()
        for process in (self.valkey, self.canvas, *self.living_workers()):
            process.send(signal.SIGCONT)
        self.good_weather()
        if not self.web.runs():
            self.web.start()
        until(self.web.serves)
        self.full_strength()

    # -- the practice Canvas's handles ----------------------------------------------------------------------------

    def handle(self, name: str, **content: object) -> dict:
        """Pull a handle of the practice Canvas's; waits while its process is away."""
        return self._practice("POST", name, content)

    def faults(self, *orders: dict[str, object]) -> None:
        self._practice("POST", "faults", list(orders))

    def good_weather(self) -> None:
        """No fault is left in Canvas."""
        self._practice("DELETE", "faults")
        self.handle("options", down=False, token="active", permissions=None, latency_seconds=0)

    def world(self) -> dict:
        return self._practice("GET", "world")

    def calls(self) -> int:
        return self._practice("GET", "calls")["total"]

    def _practice(self, method: str, name: str, content: object = None) -> dict:
        while True:
            try:
                with self._handling:
                    url = f"{self.canvas.url}/practice/{name}"
                    answer = self.practice.request(method, url, json=content, headers=self.canvas.headers, timeout=10)
            except requests.RequestException:
                assert self.canvas.runs() or not self.ending.is_set()
                time.sleep(0.1)
                continue
            answer.raise_for_status()
            return answer.json()
