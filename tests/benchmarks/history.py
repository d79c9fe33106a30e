"""What a drain costs with 1,000,000 settled seats in the table, beside one with none.

    python -m tests.benchmarks.history          # about eight minutes, most of it to fill the tables
    python -m tests.benchmarks.history 100000   # with fewer

Both sides: CPU of our process and, on PostgreSQL, of its server's process for us, for one seat. The calls take no
time, so that nothing but our own work is measured.
"""

import os
import sys
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, text

from ascriptica_plugin.tables.ledger import CanvasRow, Claim, Match, Seat
from ascriptica_plugin.tables.office import Participant, Registration
from ascriptica_plugin.worker import jobs

from ..office_at_work import Office
from .ground import Meter, QuickCanvas, add_due_seats, an_office, databases, quick_canvas, report

SEATS, ROUNDS = 1000, 3
FIRST = 10_000_000
"""The ids of settled rows begin here."""


def settle_many(office: Office, count: int) -> None:
    """Participants, registrations, claims, matches, rows and settled seats of other years."""
    session, now = office.session, datetime.now(office.now.tzinfo)
    known = {"connection_id": 1, "canvas_course_id": 7, "version": 1, "settled_version": 1, "changed_at": now}
    known |= {"settled_at": now, "was_in": True}
    row = {"connection_id": 1, "canvas_course_id": 7, "state": "active", "created_at": now, "seen_at": now}
    row |= {"granted": True}
    who = {"how": "email", "matched_at": now, "from_email": "old@example.org"}
    for start in range(FIRST, FIRST + count, 20_000):
        ids = range(start, min(start + 20_000, FIRST + count))
        rows = {
            Participant: [{"id": n, "email": f"old{n}@example.org", "name": "Old"} for n in ids],
            Registration: [
                {"id": n, "course_id": 1, "participant_id": n, "status": "registered", "registered_at": now}
                for n in ids
            ],
            Seat: [{"id": n, "participant_id": n, "canvas_enrollment_id": n, **known} for n in ids],
            Match: [{"connection_id": 1, "participant_id": n, "canvas_user_id": n, **who} for n in ids],
            CanvasRow: [{**row, "canvas_enrollment_id": n, "canvas_user_id": n, "seat_id": n} for n in ids],
            Claim: [{"registration_id": n, "seat_id": n, "made_at": now} for n in ids],
        }
        for model, some in rows.items():
            session.execute(insert(model.__table__), some)
        session.commit()


def cost(office: Office, canvas: QuickCanvas) -> float:
    """ms of CPU for one seat, the least of several rounds."""
    found = []
    for _ in range(ROUNDS):
        add_due_seats(office, SEATS)
        before = _server_cpu(office)
        with Meter() as meter:
            jobs.deliver(office.app)
        found.append((meter.cpu + _server_cpu(office) - before) / SEATS * 1000)
    assert office.status()["seats"]["due"] == 0
    return min(found)


def _server_cpu(office: Office) -> float:
    """Seconds of CPU that PostgreSQL's process for this session has used."""
    if office.session.connection().dialect.name == "sqlite":
        return 0.0
    process = office.session.scalar(text("SELECT pg_backend_pid()"))
    office.session.commit()
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(count: int) -> None:
    with databases() as urls, quick_canvas() as canvas:
        for name, url in urls.items():
            with an_office(url, canvas) as office:
                add_due_seats(office, 200)
                jobs.deliver(office.app)
                few = cost(office, canvas)
                settle_many(office, count)
                # As autovacuum does within minutes.
                office.session.execute(text("ANALYZE"))
                office.session.commit()
                many = cost(office, canvas)
                report(f"{name:10}  {few:.2f} ms with none, {many:.2f} ms with {count:,} settled: {many / few:.2f} x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
