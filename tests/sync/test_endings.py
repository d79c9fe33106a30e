"""What is ended: only what we granted, and that wherever it is."""

from datetime import timedelta

from ascriptica_plugin import retry
from ascriptica_plugin.ledger import reads
from ascriptica_plugin.office import answers

from ..office_at_work import Office, connection_of, policy


def read_anew(office: Office, canvas, course: str) -> None:
    """Have the course read."""
    office.now += retry.READ_FRESH + timedelta(minutes=1)
    reads.owe(office.session, connection_of(office).id, canvas.ids[f"course.{course}"], office.now)
    office.session.commit()
    office.deliver()


def test_whose_section_went_to_another_course_while_they_were_doubted_is_not_left_there(office, canvas):
    """Who it is comes first, and then a new place: the old one is ours to end."""
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


def test_who_is_in_that_course_for_another_registration_too_is_deleted_and_not_concluded(office, canvas):
    policy(office, on_withdrawal="conclude")
    first, second = office.course("ART", "art"), office.course("LATE", "art", canvas.ids["section.art.late"])
    office.register(first)
    office.register(second)
    office.deliver()
    office.withdraw(second)
    office.deliver()
    assert sorted(row[-1] for row in canvas.rows()) == ["active", "deleted"]
