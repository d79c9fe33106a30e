"""Files as an office sends them, and what their import leaves."""

import re

from ascriptica_plugin.tables.ledger import Claim, Seat
from ascriptica_plugin.tables.office import Association, Course, LogEntry, Participant, Registration

from ...pages import all_of


def counts(output: str) -> tuple[int, ...]:
    """New, changed, unchanged, refused."""
    return tuple(map(int, re.search(r"(\d+) new, (\d+) changed, (\d+) unchanged, (\d+) refused", output).groups()))


def people_of(app, *names: str) -> None:
    """Participants whom the office entered."""
    session = app.extensions["sqlalchemy"].session
    session.add_all([Participant(email=f"{name}@example.org", name=name.title()) for name in names])
    session.commit()


def statuses(app) -> set[tuple[str, str, str]]:
    return {(one.participant.email, one.course.code, one.status) for one in all_of(app, Registration)}


def everything(app) -> list[str]:
    """All that an import could change, the log included."""
    found = []
    for model in (Participant, Course, Association, Registration, Claim, LogEntry, Seat):
        columns = model.__table__.columns
        found += sorted(str([getattr(one, column.key) for column in columns]) for one in all_of(app, model))
    return found


COURSES = "code,title,capacity,canvas_course,canvas_section\nART,Art,20,42,7\nBIO,Biology,,,\n"
PARTICIPANTS = "email,name,sis_user_id\nkim@example.org,Kim,K-1\nlou@example.org,Lou,\n"
REGISTRATIONS = "email,course,status\nkim@example.org,ART,registered\nlou@example.org,ART,withdrawn\n"
