"""Canvas's lists are stored and judged, also lists that are older than what we know, and while requests are out."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from ascriptica_plugin.canvas.shapes import Enrollment, User
from ascriptica_plugin.ledger import incoming_rows
from ascriptica_plugin.ledger.rows import ShownRow
from ascriptica_plugin.tables.ledger import CanvasRow, Match
from ascriptica_plugin.tables.office import Course

from ..office_at_work import Office, connection_of, during_the_first_call


def listed(office: Office, asked_at: datetime, **differs: object) -> None:
    """Store a list that was asked for then and shows Kim's row as we know it, except for this."""
    [row] = office.session.scalars(select(CanvasRow)).all()
    match = office.session.scalars(select(Match)).one()
    about = {"state": row.state, "user_id": row.canvas_user_id, "created_at": row.created_at} | differs
    user = User(about["user_id"], "Kim", match.canvas_login, None, match.canvas_sis_user_id, True)
    place = {"course_id": row.canvas_course_id, "section_id": row.canvas_section_id, "type": "StudentEnrollment"}
    shown = Enrollment(id=row.canvas_enrollment_id, user=user, **place, **about)
    incoming_rows.store(office.session, row.connection_id, [ShownRow(shown, asked_at=asked_at)], office.now)
    office.session.commit()


def owed(office: Office) -> datetime | None:
    """When Kim's enrollments are to be read, because something about them could not be judged."""
    return office.session.scalars(select(Match.look_at)).one()


@pytest.fixture
def kim(office):
    office.register(office.course("ART", "art"))
    office.deliver()


def test_a_list_older_than_our_knowledge_changes_nothing_and_the_person_is_looked_at_again(office, canvas, kim):
    listed(office, office.now - timedelta(seconds=5), state="deleted")
    assert office.causes() == [("kim@example.org", None, None)]
    assert owed(office) == office.now
    office.deliver()
    assert owed(office) is None
    assert office.status()["seats"]["enrolled"] == 1
    assert office.status()["changed_in_canvas"] == 0


def test_a_list_read_while_a_request_is_out_changes_nothing_and_the_person_is_looked_at_again(office, canvas, kim):
    """A hand removes Kim from ART, and a request about BIO was never answered."""
    path = f"POST /courses/{canvas.ids['course.bio']}/"
    canvas.faults({"match": path, "times": 1, "fault": "reset", "when": "before"})
    office.register(office.course("BIO", "bio"))
    office.deliver()
    [row_id] = [row[2] for row in canvas.rows() if row[:2] == ("kim@example.org", "art")]
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row_id}", task="delete")
    listed(office, office.now + timedelta(seconds=1), state="deleted")
    assert office.status()["changed_in_canvas"] == 0
    assert owed(office) == office.now
    office.later(minutes=3)
    office.deliver()
    assert owed(office) is None
    assert [seat.cause for seat in office.seats()] == ["changed_in_canvas", None]


def test_a_look_that_is_owed_is_done_by_the_next_worker(office, canvas, kim):
    """The look that is owed is a column: a worker that begins afterwards reads it, whatever its clock says."""
    [row_id] = [row[2] for row in canvas.rows() if row[:2] == ("kim@example.org", "art")]
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row_id}", task="delete")
    office.session.execute(update(Match).values(look_at=office.now + timedelta(hours=1)))
    office.session.commit()
    office.deliver()
    assert [seat.cause for seat in office.seats()] == ["changed_in_canvas"]


def test_a_row_with_another_user_is_somebody_who_was_merged(office, canvas, kim):
    listed(office, office.now + timedelta(seconds=1), user_id=canvas.ids["user.lou"])
    assert office.session.scalars(select(Match.doubted)).one()
    [seat] = office.seats()
    assert seat.settled_version < seat.version


def test_an_id_with_another_beginning_is_another_row(office, canvas, kim):
    """No hand did that, so it is no question: Kim is enrolled again."""
    found = shows_another(office)
    assert found
    [seat] = office.seats()
    assert (seat.cause, seat.canvas_enrollment_id) == (None, None)
    assert seat.settled_version < seat.version


def shows_another(office: Office) -> bool:
    [row] = office.session.scalars(select(CanvasRow)).all()
    another = Enrollment(
        id=row.canvas_enrollment_id,
        user_id=99,
        course_id=row.canvas_course_id,
        section_id=1,
        type="StudentEnrollment",
        state="active",
        created_at=row.created_at + timedelta(days=1),
        user=User(99, "Other", "other", None, None, True),
    )
    found = incoming_rows.store(office.session, connection_of(office).id, [ShownRow(another)], office.now)
    office.session.commit()
    return found


def test_an_enrollment_that_a_list_shows_before_its_answer_arrives_is_ours(office, canvas, kim, monkeypatch):
    """The read of the course was faster than the answer. By the read alone, the enrollment would be somebody else's."""
    bio = office.course("BIO", "bio")
    connection_id, bio_id = connection_of(office).id, bio.id

    def read() -> None:
        shown, _ = office.canvases.client(connection_of(office)).course_enrollments(canvas.ids["course.bio"])
        asked_at = office.now + timedelta(seconds=1)
        rows = [ShownRow(row, asked_at=asked_at) for row in shown]
        assert len(rows) == 1
        incoming_rows.store(office.session, connection_id, rows, asked_at)
        office.session.commit()

    during_the_first_call(office, monkeypatch, read)
    office.register(bio)
    office.deliver()
    office.withdraw(office.session.get_one(Course, bio_id))
    office.deliver()
    assert canvas.roster("bio") == {"kim@example.org": "deleted"}
