"""What the upgrade costs an installation with 1,000,000 seats as of the release before the ledger of seats and rows.

    python -m tests.benchmarks.upgrade          # about four minutes, most of it to fill the tables
    python -m tests.benchmarks.upgrade 100000   # with fewer
    python -m tests.benchmarks.upgrade 1000000 postgresql

It reports the time that `flask ascriptica upgrade` takes, the most memory that its process has, and the size of the
database. Afterwards nothing may be due: the upgrade asks Canvas for nothing and sends nobody again.
"""

import importlib.resources
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import alembic.command
from alembic.config import Config
from sqlalchemy import Connection, Engine, MetaData, create_engine, text

from .ground import REPOSITORY, databases, environment, report

BEFORE = "0009"
"""The last revision of the release before."""

SEATS_OF_EACH, COURSES, AT_ONCE = 5, 500, 4000
"""Everybody has that many seats, in some of that many courses."""

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def go_back(engine: Engine) -> None:
    """Make the empty tables of the release before."""
    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files("ascriptica_plugin.migrations")))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, BEFORE)
        connection.commit()


def fill(connection: Connection, people: int) -> None:
    """People whom that release has enrolled; one in ten has withdrawn again, and every second one has a SIS ID."""
    tables = MetaData()
    with warnings.catch_warnings():
        # Indexes on lower(...) can't be read back; nobody needs them here.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection")
        tables.reflect(connection)
    there = {"id": 1, "canvas_url": "https://canvas.test/api/v1", "canvas_root_id": 1, "account_name": "Root"}
    there |= {"token": b"sealed", "token_owner": "Admin", "token_saved_at": NOW}
    _put(connection, tables, "connection", [there])
    courses = [{"id": n, "code": f"C{n}", "title": f"Course {n}"} for n in range(COURSES)]
    _put(connection, tables, "course", courses)
    for start in range(1, people + 1, AT_ONCE):
        some = range(start, min(start + AT_ONCE, people + 1))
        _put(connection, tables, "participant", [_person(n) for n in some])
        _put(connection, tables, "canvas_user", [
            {"connection_id": 1, "participant_id": n, "canvas_user_id": 10 + n, "created_by_us": n % 3 == 0}
            for n in some
        ])  # fmt: skip
        for name, rows in _seats(some).items():
            _put(connection, tables, name, rows)
        connection.commit()


def _person(number: int) -> dict:
    sis_user_id = f"S-{number}" if number % 2 else None
    return {"id": number, "name": f"Péter No. {number}", "email": f"p{number}@example.org", "sis_user_id": sis_user_id}


def _seats(people: range) -> dict[str, list[dict]]:
    registrations, seats, claims = [], [], []
    for number, participant_id in _numbered(people):
        is_in = number % 10 != 0
        canvas_course_id, ended_at = number % COURSES, None if is_in else NOW
        state = {"version": 1 if is_in else 2, "settled_version": 1 if is_in else 2, "settled_at": NOW}
        place = {"connection_id": 1, "participant_id": participant_id, "canvas_section_id": 0}
        seats.append(
            {"id": number, **place, "canvas_course_id": 1000 + canvas_course_id, "changed_at": NOW,
             "canvas_enrollment_id": number, "enrolled": is_in, "granted": is_in, **state}
        )  # fmt: skip
        registrations.append(
            {"id": number, "course_id": canvas_course_id, "participant_id": participant_id, "registered_at": NOW,
             "status": "registered" if is_in else "withdrawn", "withdrawn_at": ended_at}
        )  # fmt: skip
        claims.append(
            {"id": number, "registration_id": number, "seat_id": number, "made_at": NOW, "ended_at": ended_at}
        )
    return {"registration": registrations, "seat": seats, "claim": claims}


def _numbered(people: range) -> Iterator[tuple[int, int]]:
    for participant_id in people:
        for which in range(SEATS_OF_EACH):
            yield (participant_id - 1) * SEATS_OF_EACH + which + 1, participant_id


def _put(connection: Connection, tables: MetaData, name: str, rows: list[dict]) -> None:
    """Insert rows; a column that they leave out and the table needs is empty, 0 or False."""
    table = tables.tables[f"ascriptica_{name}"]
    needed = [one for one in table.c if not (one.nullable or one.server_default or one.name in rows[0])]
    empty = {one.name: one.type.python_type() for one in needed}
    connection.execute(table.insert(), [empty | row for row in rows])


def upgrade(url: str) -> tuple[float, int]:
    """The seconds that the command takes, and the most memory that its process has, in MB."""
    began_at = time.monotonic()
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "ascriptica", "upgrade"]
    of_process = environment(DATABASE_URL=url, SECRET_KEY="only for benchmarks " * 2)
    process = subprocess.Popen(command, cwd=REPOSITORY, env=of_process, stdout=subprocess.DEVNULL)
    memory = 0
    while process.poll() is None:
        # The kernel's figure at the end includes our own memory.
        if found := re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text()):
            memory = int(found[1]) // 1024
        time.sleep(0.1)
    assert process.returncode == 0
    return time.monotonic() - began_at, memory


def _size(engine: Engine, url: str) -> int:
    """The database's size in MB."""
    if engine.dialect.name == "sqlite":
        return os.path.getsize(url.removeprefix("sqlite:///")) // 2**20
    with engine.connect() as connection:
        return connection.scalar(text("SELECT pg_database_size(current_database())")) // 2**20


COUNTS = """SELECT (SELECT count(*) FROM ascriptica_seat), (SELECT count(*) FROM ascriptica_row),
    (SELECT count(*) FROM ascriptica_seat WHERE settled_version < version OR due_at IS NOT NULL),
    (SELECT count(*) FROM ascriptica_request)"""


def main(seats: int, which: str = "") -> None:
    with databases() as urls:
        for name, url in urls.items():
            if which and name.lower() != which:
                continue
            engine = create_engine(url)
            go_back(engine)
            with engine.connect() as connection:
                fill(connection, seats // SEATS_OF_EACH)
            before = _size(engine, url)
            seconds, memory = upgrade(url)
            with engine.connect() as connection:
                found, rows, due, requests = connection.execute(text(COUNTS)).one()
            report(
                f"{name:10}  {found:,} seats: {seconds:.0f} s, {memory} MB of memory, from {before} to "
                f"{_size(engine, url)} MB. {rows:,} rows, {due} due, {requests} requests out."
            )
            engine.dispose()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, *sys.argv[2:])
