"""How fast many people get into a Canvas course by one SIS import, beside one call a person in the same run.

    python -m tests.benchmarks.mass             # 2,000 people each, about two minutes
    python -m tests.benchmarks.mass 50000       # so many in one file, and nothing beside it; about ten minutes

People whom Canvas knows by their SIS IDs, 100 ms a call, against the practice Canvas in a process of its own, which
carries an import out at once. The bound of one call a person is flight / latency.
"""

import resource
import sys
import time

from ascriptica_plugin.sync import drain, flight

from ..office_at_work import Office, policy
from ..practice_canvas import Practice
from .ground import Meter, add_due_seats, an_office, databases, practice_canvas, report

PEOPLE, LATENCY = 2000, 0.1
BOUND = flight.FLIGHT / LATENCY
PATIENCE_SECONDS = 900


def let_in(office: Office, canvas: Practice, people: int) -> tuple[Meter, int]:
    """Register so many more, and drain until they are in. Returns what it took and how many calls it made."""
    add_due_seats(office, people)
    so_many = office.status()["seats"]["enrolled"] + people
    canvas.options(latency_seconds=LATENCY)
    canvas.calls()
    until = time.monotonic() + PATIENCE_SECONDS
    with Meter() as meter:
        while office.status()["seats"]["enrolled"] < so_many:
            assert time.monotonic() < until
            drain.drain(office.session, office.canvases)
            time.sleep(0.05)
    calls = canvas.read("calls")["total"]
    canvas.options(latency_seconds=0)
    return meter, calls


def report_on(name: str, road: str, people: int, meter: Meter, calls: int) -> None:
    rate = people / meter.wall
    report(
        f"{name:10}  {road:8}  {people:6,} people  {meter.wall:6.1f} s  {rate:5.0f} /s  {rate / BOUND:4.1f} x the "
        f"bound of one call a person  {calls / people:.3f} calls and {meter.cpu / people * 1000:.1f} ms CPU a seat  "
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


def main(people: int) -> None:
    both = people == PEOPLE
    with databases() as urls:
        for name, url in urls.items():
            with practice_canvas(2 * people if both else people) as canvas, an_office(url, canvas) as office:
                canvas.hand("PUT", f"courses/{canvas.ids['course.art']}", **{"course[sis_course_id]": "ART-1"})
                policy(office, mass_by_sis=True)
                report_on(name, "import", people, *let_in(office, canvas, people))
                if both:
                    policy(office, mass_by_sis=False)
                    report_on(name, "one by one", people, *let_in(office, canvas, people))
                assert len(canvas.who_is_in("art")) == people * (2 if both else 1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)
