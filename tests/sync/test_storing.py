"""What the activity log says of Canvas: every enrollment that we ended is an entry, whatever became of the walk."""

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import answers
from ascriptica_plugin.tables.office import Course, LogEntry, Participant

from ..office_at_work import Office, connection_of, during_the_first_call


def ended(office: Office) -> list[tuple[str | None, str]]:
    """Whose access was ended, and where and how."""
    office.session.expire_all()
    found = select(LogEntry).where(LogEntry.what == "ended in Canvas").order_by(LogEntry.id)
    return [(one.participant and one.participant.name, str(one.words)) for one in office.session.scalars(found)]


def deleted(canvas, course: str) -> str:
    return f"Canvas course {canvas.ids[f'course.{course}']}. Deleted."


def test_an_ended_enrollment_is_logged_though_the_place_is_still_wanted(office, canvas):
    """Kim Lee was taken for Lou; after the correction Lou is out and Kim is in."""
    office.register(office.course("ART", "art"), "x", email="lou@example.org", name="Kim Lee")
    office.deliver()
    office.correct(office.participant("lou@example.org"), email="kim@example.org")
    office.settle()
    assert canvas.roster("art") == {"kim@example.org": "active", "lou@example.org": "deleted"}
    there = canvas.ids["course.art"]
    assert ended(office) == [
        ("Kim Lee", f"Canvas course {there}. Deleted, because it belonged to another Canvas user.")
    ]


def test_an_end_is_logged_though_its_seat_waits_for_an_answer(office, canvas):
    """The Canvas user is the second one's: the first one is out, and who they are is asked."""
    office.register(office.course("ART", "art"), "kim", key="one", name="Kim One")
    office.deliver()
    office.register(office.course("BIO", "bio"), "kim", key="two", name="Kim Two")
    office.deliver()
    two = office.session.scalars(select(Participant).where(Participant.key == "two")).one()
    user_id = canvas.ids["user.kim"]
    answers.choose(office.session, connection_of(office).id, two, office.now, "a@x", canvas_user_id=user_id)
    office.session.commit()
    office.settle()
    assert [cause for _, cause, _ in office.causes()] == ["same_user", None]
    there = canvas.ids["course.art"]
    assert ended(office) == [
        ("Kim One", f"Canvas course {there}. Deleted, because it belonged to another Canvas user.")
    ]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("looked_up", [True, False])
def test_an_end_whose_answer_was_lost_is_logged_once(office, canvas, when, looked_up):
    """`looked_up`: nobody repeats it before Canvas is asked what became of it."""
    art = office.course("ART", "art")
    office.register(art)
    office.deliver()
    office.withdraw(art)
    canvas.faults({"match": "DELETE /courses/", "times": 1, "fault": "reset", "when": when})
    office.deliver()
    office.settle(minutes=20 if looked_up else 0.5)
    office.settle()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert ended(office) == [("Kim", deleted(canvas, "art"))]


def test_somebody_who_came_back_meanwhile_has_both_in_the_log(office, canvas, monkeypatch):
    art = office.course("ART", "art")
    office.register(art)
    office.deliver()
    office.withdraw(art)
    number = art.id

    def come_back() -> None:
        other = Office(office.app, canvas)
        other.register(other.session.get(Course, number))

    during_the_first_call(office, monkeypatch, come_back, "unenroll")
    office.settle()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert ended(office) == [("Kim", deleted(canvas, "art"))]


def test_an_enrollment_ended_by_somebody_else_is_not_logged_as_ours(office, canvas):
    art = office.course("ART", "art")
    office.register(art)
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row['id']}", task="delete")
    office.recheck("art")
    office.deliver()
    office.withdraw(art)
    office.settle()
    assert office.status()["seats"]["removed"] == 1
    assert ended(office) == []


def test_a_person_who_never_got_in_was_not_ended(office, canvas):
    art = office.course("ART", "art")
    office.register(art)
    office.withdraw(art)
    office.settle()
    assert ended(office) == []
