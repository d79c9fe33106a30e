"""How long each unit of work takes when people are erased among 2,000,000 entries of the activity log.

    python -m tests.benchmarks.erasing           # about five minutes, most of it to fill the log
    python -m tests.benchmarks.erasing 200000    # with fewer

People are named in every hundredth entry. "The longest unit" is the longest time between two commits; the drain's
lease is held for the last unit of each person only.
"""

import sys
import time
from itertools import pairwise

from sqlalchemy import event, insert

from ascriptica_plugin.office import access_before_erasing, erasing
from ascriptica_plugin.tables.office import LogEntry

from ..office_at_work import Office
from .ground import an_office, databases, email, quick_canvas, report

PEOPLE = 20


def fill(office: Office, count: int) -> None:
    session = office.session
    for start in range(0, count, 50_000):
        session.execute(
            insert(LogEntry.__table__),
            [
                {"at": office.now, "who": f"clerk{n % 40}@example.org", "what": "did", "participant_id": None,
                 "words": f"with {email(n % 500)}, {n}" if n % 100 == 0 else f"Canvas course {n}."}
                for n in range(start, min(start + 50_000, count))
            ],
        )  # fmt: skip
        session.commit()


def measure(office: Office) -> tuple[float, float]:
    """Seconds for each person, and of the longest unit."""
    session = office.session
    # These have nothing in Canvas that would have to end.
    for number in range(PEOPLE):
        course = office.course(f"C-{number}")
        registration = office.register(course, f"p{number * 100}")
        erasing.ask_to_erase(session, registration.participant, office.now, "boss@example.org", end_access=False)
        session.commit()
    marks = [time.monotonic()]
    event.listen(session.get_bind(), "commit", lambda connection: marks.append(time.monotonic()))
    erasing.erase_people(session)
    assert not access_before_erasing.ended(session, 1)
    units = [after - before for before, after in pairwise(marks)]
    return (marks[-1] - marks[0]) / PEOPLE, max(units)


def main(count: int) -> None:
    with databases() as urls, quick_canvas() as canvas:
        for name, url in urls.items():
            with an_office(url, canvas) as office:
                fill(office, count)
                each, longest = measure(office)
                report(f"{name:10}  {each:.1f} s a person; the longest unit {longest * 1000:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)
