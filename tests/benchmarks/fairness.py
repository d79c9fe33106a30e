"""How long somebody who registers waits beside everything that can wait: from the commit to the call that lets them in,
and from the first moment since the commit at which there is a free place in flight.

    python -m tests.benchmarks.fairness          # about six minutes, most of it to fill the tables
    python -m tests.benchmarks.fairness 5000     # with a tenth of the people who are due and held

50,000 people are due, since a list was pasted; 70,000 are held for one cause, with a canary due; in another Canvas
course, of which 200 are due, every call hangs; 300 Canvas courses are due to be read and looked up, as at night; and a
file of 2,000 is being imported. Forty newcomers come meanwhile, one each half second. A call takes 200 ms.
"""

import statistics
import sys
import threading
import time
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import insert, text, update
from sqlalchemy.orm import Session

from ascriptica_plugin.office import registrations
from ascriptica_plugin.office.imports import run
from ascriptica_plugin.office.imports.file import read
from ascriptica_plugin.sync import flight
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.office import Association, Course, Participant, Registration
from ascriptica_plugin.tables.requests import CourseRead

from ..office_at_work import Office, someone
from .ground import QuickCanvas, a_worker, add_due_seats, an_office, databases, email, quick_canvas, report

DUE, COURSES, SICK, IMPORTED, NEWCOMERS = 50_000, 300, 200, 2000, 40
LATENCY = 0.2
FLIGHT = flight.FLIGHT + flight.SPARE
FIRST = 5_000_000
"""Numbers of newcomers begin here; each has the SIS ID S-number."""


def fill(office: Office, canvas: QuickCanvas, due: int) -> None:
    session, now = office.session, office.now
    add_due_seats(office, due * 7 // 5)
    held = {"held": True, "cause": "permission_missing", "cause_scope": "add_student_to_course", "attempts": 0}
    session.execute(update(Seat).values(**held, due_at=now - timedelta(seconds=1)))
    first = due * 7 // 5 + 1
    add_due_seats(office, due)
    session.execute(update(Seat).where(Seat.id >= first).values(in_bulk=True))
    session.commit()
    if session.connection().dialect.name == "postgresql":
        # People were added by numbers of our own, which its sequences don't know of.
        for table in (Participant, Registration, Seat):
            name = table.__tablename__
            session.execute(text(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))"))
    connection_id = session.query(Seat.connection_id).limit(1).scalar()
    # Read and looked up two days ago, so that both are due.
    ago = now - timedelta(days=2)
    for number in range(COURSES):
        course = Course(code=f"N-{number}", title="Of this term", capacity=100)
        session.add(course)
        session.flush()
        place = {"connection_id": connection_id, "canvas_course_id": 1000 + number}
        words = {"canvas_course": str(1000 + number), "canvas_course_name": "Art", "looked_up_at": ago}
        session.execute(insert(Association.__table__), [{"course_id": course.id, **place, **words}])
        session.execute(insert(CourseRead.__table__), [{**place, "read_at": ago}])
    session.commit()
    canvas.ids |= {"course.sick": 43, "course.well": 44, "course.list": 45}
    sick, _, _ = (office.course(name.upper(), name) for name in ("sick", "well", "list"))
    for number in range(SICK):
        registrations.register(session, sick, someone(f"sick{number}", sis_user_id=f"S-{FIRST - 1 - number}"), now)
    session.commit()
    # A database that has run for a while knows how much is in its tables.
    session.execute(text("ANALYZE"))
    session.commit()


def importing(office: Office) -> None:
    lines = [f"{email(n)},LIST,registered" for n in range(1, IMPORTED + 1)]
    data = "\n".join(["email,course,status", *lines]).encode()
    with office.app.app_context(), Session(office.app.extensions["sqlalchemy"].engine) as session:
        run.run(session, "registrations", read("registrations", data).rows, lambda: office.now, "a@example.org")


class Wait(NamedTuple):
    """Seconds of one newcomer until their call."""

    since_commit: float
    since_free: float


def waits(office: Office, canvas: QuickCanvas) -> list[Wait]:
    """Each newcomer's."""
    committed: dict[int, float] = {}
    course = office.session.query(Course).filter_by(code="WELL").one()
    thread = threading.Thread(target=importing, args=(office,))
    thread.start()
    for number in range(FIRST, FIRST + NEWCOMERS):
        time.sleep(0.5)
        registrations.register(office.session, course, someone(f"n{number}", sis_user_id=f"S-{number}"), office.now)
        office.session.commit()
        committed[number] = time.time()
    thread.join()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        enrolled = canvas.enrolled()
        if all(str(number) in enrolled for number in committed):
            break
        time.sleep(0.5)
    flight, found = canvas.flight(), []
    for number, at in committed.items():
        called_at = enrolled.get(str(number), time.time())
        found.append(Wait(called_at - at, max(0.0, called_at - free_since(flight, at))))
    return found


def free_since(flight: list[tuple[float, int]], at: float) -> float:
    """The first moment since then at which there was room for another call."""
    *_, (_, before) = (change for change in flight if change[0] <= at)
    free = (since for since, calls in flight if since > at and calls < FLIGHT)
    return at if before < FLIGHT else next(free)


def line_of(name: str, seconds: list[float]) -> str:
    p95 = statistics.quantiles(seconds, n=20)[-1]
    return f"{name} p50 {statistics.median(seconds):.2f} s, p95 {p95:.2f} s, the longest {max(seconds):.2f} s"


def main(due: int) -> None:
    for name in ("SQLite", "PostgreSQL"):
        with databases() as urls, quick_canvas() as canvas, an_office(urls[name], canvas) as office:
            fill(office, canvas, due)
            canvas.latency(LATENCY)
            canvas.session.post(f"{canvas.url}/hang/43", timeout=10)
            with a_worker(urls[name]):
                time.sleep(10)
                canvas.counts()
                began_at = time.monotonic()
                found = waits(office, canvas)
                rate = canvas.counts()["total"] / (time.monotonic() - began_at)
            from_commit, from_free = (list(seconds) for seconds in zip(*found, strict=True))
            report(
                f"{name:10}  {line_of('from the commit:', from_commit)}; {line_of('from a free place:', from_free)}; "
                f"{rate:.0f} calls a second"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DUE)
