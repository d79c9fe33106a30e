"""Only enrollments that we granted are ended, wherever they are by then."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ascriptica_plugin.ledger import reads
from ascriptica_plugin.office import answers
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.tables.office import LogEntry

from ..office_at_work import Office, connection_of, policy


def read_anew(office: Office, canvas, course: str) -> None:
    """Have the course read."""
    office.now += pauses.READ_FRESH + timedelta(minutes=1)
    reads.owe(office.session, connection_of(office).id, canvas.ids[f"course.{course}"], office.now)
    office.session.commit()
    office.deliver()


def test_a_doubted_person_whose_section_moves_to_another_course_is_not_left_there(office, canvas):
    """First it is settled who they are, then they get a new place; the old one is ours to end."""
    kim = office.register(office.course("ART", "art")).participant
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    home = connection_of(office).id
    answers.doubt(office.session, home, kim, office.now, "a@x")
    canvas.hand("POST", f"sections/{row['section_id']}/crosslist/{canvas.ids['course.bio']}")
    read_anew(office, canvas, "art")
    answers.choose(office.session, home, kim, office.now, "a@x", canvas_user_id=row["user_id"])
    office.session.commit()
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert canvas.roster("bio") == {"kim@example.org": "deleted"}


def test_a_person_with_another_registration_for_the_course_is_deleted_and_not_concluded(office, canvas):
    policy(office, on_withdrawal="conclude")
    first, second = office.course("ART", "art"), office.course("LATE", "art", canvas.ids["section.art.late"])
    office.register(first)
    office.register(second)
    office.deliver()
    office.withdraw(second)
    office.deliver()
    assert sorted(row[-1] for row in canvas.rows()) == ["active", "deleted"]


def end_by_activity(office: Office, canvas, *, active: bool, over: bool = False) -> str:
    """The state of Kim's enrollment after a withdrawal, where the office lets it depend on activity."""
    policy(office, on_withdrawal="by_activity")
    art = office.course("ART", "art")
    office.register(art)
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    if active:
        canvas.was_active(row["id"], office.now)
    if over:
        canvas.hand("PUT", f"courses/{canvas.ids['course.art']}", **{"course[event]": "conclude"})
    office.withdraw(art)
    office.deliver()
    return canvas.roster("art")["kim@example.org"]


def last_words(office: Office) -> str:
    return office.session.scalars(select(LogEntry).order_by(LogEntry.id.desc())).first().words


def test_a_person_who_did_nothing_in_the_course_is_deleted_from_it(office, canvas):
    assert end_by_activity(office, canvas, active=False) == "deleted"
    assert last_words(office).endswith("Deleted, because nothing was done there yet.")


def test_a_person_who_was_active_in_the_course_is_deactivated_and_their_work_stays(office, canvas):
    assert end_by_activity(office, canvas, active=True) == "inactive"
    assert last_words(office).endswith("Deactivated, because they were active there.")


def test_a_person_who_was_active_in_a_course_that_is_over_is_concluded(office, canvas):
    assert end_by_activity(office, canvas, active=True, over=True) == "completed"
    assert last_words(office).endswith("Concluded, because they were active there and the course is over.")


def test_a_course_s_own_setting_for_withdrawals_wins_over_the_general_one(office, canvas):
    policy(office, on_withdrawal="by_activity")
    art = office.course("ART", "art", on_withdrawal="conclude")
    office.register(art)
    office.deliver()
    office.withdraw(art)
    assert [call.split()[0] for call in office.deliver()] == ["DELETE"]
    assert canvas.roster("art") == {"kim@example.org": "completed"}


@pytest.mark.parametrize("course_is_there", [False, True])
def test_an_enrollment_that_is_gone_with_its_course_is_no_sign_of_a_backup(office, canvas, caplog, course_is_there):
    """Canvas knows nothing of it. Only where the course is there, it must have come back from a backup."""
    art = office.course("ART", "art")
    office.register(art)
    office.deliver()
    where = f"courses/{canvas.ids['course.art']}"
    if not course_is_there:
        canvas.hand("DELETE", where, event="delete")
    unknown = {"fault": "status", "status": 404}
    one_row = {"match": "GET /accounts/*/enrollments/*", **unknown}
    canvas.faults({"match": f"DELETE /{where}/", **unknown}, one_row)
    office.withdraw(art)
    office.deliver()
    assert any("came back from a backup" in record.getMessage() for record in caplog.records) is course_is_there
    assert (office.status()["seats"]["removed"], office.status()["questions"]) == (1, 0)


def test_a_removal_touches_nobody_whose_enrollment_has_the_number_in_another_course(office, canvas):
    """Canvas came back from a backup, and gave the number out again."""
    art = office.course("ART", "art")
    canvas.snapshot()
    office.register(art)
    office.deliver()
    office.later(days=1)
    canvas.options(clock_offset_seconds=24 * 60 * 60)
    canvas.restore()
    added = canvas.by_hand("lou", "bio")
    assert [seat.canvas_enrollment_id for seat in office.seats()] == [added["id"]]
    office.withdraw(art)
    ends = [call for call in office.deliver() if call.startswith("DELETE")]
    assert ends == [f"DELETE /courses/{canvas.ids['course.art']}/enrollments/{added['id']}"]
    assert canvas.who_is_in("bio") == {"lou@example.org"}
    assert office.status()["seats"]["removed"] == 1
