"""No list takes more statements for more rows."""

from sqlalchemy import update

from ascriptica_plugin.tables.ledger import Seat

from ..office_at_work import Office, many
from ..pages import queries

LISTS = (
    "/",
    "/my/courses",
    "/tools/courses",
    "/tools/courses/C-0",
    "/tools/participants",
    "/tools/participants/1",
    "/tools/canvas",
    "/tools/canvas?search=example&standing=held",
    "/tools/canvas?course=c-0",
    "/tools/",
    "/tools/canvas?standing=no_account",
    "/tools/log",
    "/tools/log?q=example",
    "/tools/import",
)


def fill(office: Office, first: int, courses: int, people: int) -> None:
    """Add so many courses, and people in each; every third seat waits, for one cause or another."""
    boss = {"key": "account:1", "email": "boss@example.org"}
    for number in range(first, first + courses):
        course = office.course(f"C-{number}", "art" if number % 2 else "bio", starts_at=office.now)
        course.association.published = number % 3 > 0
        course.association.problem = "Canvas has no such course." if number % 4 == 1 else None
        office.session.commit()
        office.register(course, "boss", **boss)
        many(office, course, people)
    session = office.session
    for number, cause in enumerate(("no_account", "who_is_it", "course_missing")):
        waits = {"cause": cause, "cause_scope": str(number), "held": True}
        session.execute(update(Seat).where(Seat.id % 9 == number).values(**waits))
    session.execute(update(Seat).where(Seat.id % 9 > 4).values(settled_version=Seat.version, settled_at=office.now))
    session.execute(update(Seat).where(Seat.id % 9 > 4).values(was_in=True, cause=None))
    session.commit()


def test_no_list_needs_more_queries_for_more_rows(office, admin):
    fill(office, 0, courses=3, people=12)
    few = asked(office, admin)
    fill(office, 3, courses=9, people=70)
    # One more where a list has grown longer than its page.
    assert {path: n for path, n in asked(office, admin).items() if n > few[path] + 1} == {}
    assert max(few.values()) <= 21


def asked(office: Office, admin) -> dict[str, int]:
    """How many statements each list takes, with nothing known from the one before."""
    found = {}
    for path in LISTS:
        office.session.remove()
        found[path] = queries(office.app, admin, path)
    office.session.remove()
    return found
