"""What a day's registrations take of a machine: 10, 1,000, and 10,000 of the 100,000.

    python -m tests.benchmarks.sizes           # about five minutes
    python -m tests.benchmarks.sizes 2000      # only so many of the 100,000

People who are signed in register through one web process while the worker delivers them, each after a first contact,
on an empty database; Canvas calls take no time. For each size: seconds of CPU, what the processes use at rest, Canvas
calls, memory (what each has to itself, and its share of what they share), what the database grew by. At last what a
sign-in and a look at a page take, which are a person's choice.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import redis
from sqlalchemy import text

from ascriptica_plugin.standalone.accounts import passwords

from ..office_at_work import HASHED_BY, Office
from ..processes import Valkey, until
from .ground import (
    COURSE,
    Meter,
    a_valkey,
    a_website,
    a_worker,
    accounts,
    an_office,
    browser,
    databases,
    quick_canvas,
    report,
)
from .memory import children_of, register, size, used

SIZES = ((10, "SQLite"), (1000, "SQLite"), (100_000, "PostgreSQL"))
RUN = 10_000
"""How many of the largest size are really made."""

REST_SECONDS, DAY_SECONDS = 10, 86_400
LOOKS = 200


@dataclass
class Machine:
    """The processes of one installation."""

    web: int
    worker: int
    postgresql: int | None
    ours: int | None
    """The server's process that works for this benchmark itself."""
    valkey: Valkey

    def processes(self) -> dict[str, list[int]]:
        """The ids of each kind that there are now."""
        found = {"web": [self.web], "worker": [self.worker]}
        if self.postgresql is not None:
            its = [number for number in children_of(self.postgresql) if number != self.ours]
            found["PostgreSQL"] = [self.postgresql, *its]
        return found

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU of each kind so far."""
        return {name: sum(map(used, ids)) for name, ids in self.processes().items()}

    def memory(self) -> dict[str, float]:
        """MB of each kind."""
        return {name: sum(map(own_memory, ids)) for name, ids in self.processes().items()}

    def redis(self) -> tuple[float, float]:
        """MB that Redis holds now, and the most that it held."""
        with redis.Redis.from_url(self.valkey.url) as connection:
            held = connection.info("memory")
        return held["used_memory"] / 1024**2, held["used_memory_peak"] / 1024**2

    def since(self, before: dict[str, float]) -> dict[str, float]:
        return {name: now - before[name] for name, now in self.cpu().items()}


def own_memory(process: int) -> float:
    """MB of a process; what several share counts as a part for each."""
    about = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(about.partition("\nPss:")[2].split()[0]) / 1024


def server_of(office: Office) -> tuple[int | None, int | None]:
    """The ids of PostgreSQL's first process, and of the one that works for the office's session; None on SQLite."""
    if office.session.connection().dialect.name == "sqlite":
        return None, None
    ours = office.session.scalar(text("SELECT pg_backend_pid()"))
    office.session.commit()
    return int(Path(f"/proc/{ours}/stat").read_text().rpartition(")")[2].split()[1]), ours


def named(values: dict[str, float], unit: str) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in values.items()) + f" {unit}"


def measure(a_day: int, count: int, name: str) -> None:
    """Really make `count` registrations, and report what a day with `a_day` of them takes."""
    with databases() as urls, quick_canvas() as canvas, a_valkey() as valkey, an_office(urls[name], canvas) as office:
        people, url = accounts(office, count), urls[name]
        with a_website(url, valkey.url, 1) as (address, master), a_worker(url, valkey.url) as at_work:
            [web] = children_of(master.pid)
            machine = Machine(web, at_work.pid, *server_of(office), valkey)
            # Until both have begun.
            time.sleep(5)
            before = machine.cpu()
            time.sleep(REST_SECONDS)
            rest = {kind: spent / REST_SECONDS for kind, spent in machine.since(before).items()}
            canvas.counts()
            first, before, began_at = size(office), machine.cpu(), time.monotonic()
            register(address, people)
            until(lambda: office.status()["seats"]["enrolled"] == count, 600)
            seconds, times = time.monotonic() - began_at, a_day / count
            spent = {kind: times * (cpu - rest[kind] * seconds) for kind, cpu in machine.since(before).items()}
            of_them = f", of which {count:,} are made" if times > 1 else ""
            grew, (holds, held) = (size(office) - first) * times / 1024**2, machine.redis()
            report(f"{a_day:,} a day on {name}{of_them}; {count / seconds:.0f} a second by one web process")
            report(f"    CPU a day: {named(spent, 's')}; at rest {named(times_all(rest, DAY_SECONDS), 's')}")
            report(f"    memory: {named(machine.memory(), 'MB')}; Redis {holds:.1f} MB, {held:.1f} at most")
            report(f"    the database grows by {grew:.3f} MB a day, {grew * 365:,.0f} MB a year")
            report(f"    Canvas calls: {canvas.counts()['total'] / count:.2f} each")
            look(machine, address, people[0])


def times_all(values: dict[str, float], times: float) -> dict[str, float]:
    return {name: value * times for name, value in values.items()}


def look(machine: Machine, address: str, person: dict) -> None:
    before = machine.cpu()
    with browser() as web:
        for _ in range(LOOKS):
            assert web.get(f"{address}/courses/{COURSE}", headers=person["headers"], timeout=60).status_code == 200
    took = {kind: spent / LOOKS * 1000 for kind, spent in machine.since(before).items() if kind != "worker"}
    report(f"    a look at a page: {named(took, 'ms')}")


def main(count: int) -> None:
    for each_day, name in SIZES:
        measure(each_day, min(each_day, count), name)
    passwords.METHOD = HASHED_BY
    kept = passwords.hash_of("correct horse battery")
    with Meter() as meter:
        for _ in range(5):
            passwords.fits("correct horse battery", kept)
    report(f"a sign-in by password: {meter.cpu / 5 * 1000:.0f} ms more")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUN)
