"""Whether a web process and the worker stay as large as they are over 10,000 seats, and what each registration takes.

    python -m tests.benchmarks.memory           # about six minutes, both databases
    python -m tests.benchmarks.memory 2000      # fewer

People register through one web process while the worker delivers them; resident memory in MB, for each registration
since the first step ms of CPU of either process and what the database grew by, and at last what Redis holds. On SQLite
each connection of a process keeps up to 2 MB of the file, which fill up with it.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import redis
from sqlalchemy import text

from ..office_at_work import Office
from ..processes import until
from .ground import COURSE, a_valkey, a_website, a_worker, accounts, an_office, browser, databases, quick_canvas, report

STEPS = (100, 2000, 5000, 10_000)


def resident(process: int) -> float:
    """MB of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def used(process: int) -> float:
    """Seconds of CPU of a process, and of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def size(office: Office) -> int:
    """Bytes of the database."""
    session = office.session
    if session.connection().dialect.name == "sqlite":
        found = session.scalar(text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"))
    else:
        found = session.scalar(text("SELECT pg_database_size(current_database())"))
    session.commit()
    return found


def children_of(process: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def main(count: int) -> None:
    for number in range(2):
        with databases() as urls, quick_canvas() as canvas, a_valkey() as valkey:
            name, url = list(urls.items())[number]
            with an_office(url, canvas) as office:
                people = accounts(office, count)
                with a_website(url, valkey.url, 1) as (address, master), a_worker(url, valkey.url) as at_work:
                    done, first = 0, []
                    for step in (step for step in STEPS if step <= count):
                        register(address, people[done:step])
                        done = step
                        until(lambda step=step: office.status()["seats"]["enrolled"] == step, 300)
                        web, now = children_of(master.pid)[0], size(office)
                        figures = [used(web), used(at_work.pid), now]
                        first = first or [*figures, step]
                        report(
                            f"{name:10}  after {step:6,} seats: web {resident(web):.1f} MB, "
                            f"worker {resident(at_work.pid):.1f} MB"
                        )
                    each = [(last - before) / (done - first[3]) for last, before in zip(figures, first, strict=False)]
                    report(
                        f"{name:10}  for each registration: web {each[0] * 1000:.1f} ms, worker {each[1] * 1000:.1f} "
                        f"ms of CPU, {each[2] / 1024:.1f} kB of database"
                    )
                    with redis.Redis.from_url(valkey.url) as connection:
                        held = connection.info("memory")["used_memory"] / 1024**2
                        report(f"{name:10}  Redis: {held:.1f} MB, {connection.dbsize()} keys")


def register(address: str, people: list[dict]) -> None:
    with browser() as web, ThreadPoolExecutor(4) as threads:

        def register(person: dict) -> None:
            answer = web.post(f"{address}/courses/{COURSE}/register", **person, allow_redirects=False, timeout=60)
            assert answer.status_code == 302, answer.status_code

        list(threads.map(register, people))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
