"""An email address that somebody had before: here, and in Canvas. Nobody gets or loses a place as somebody else."""

from sqlalchemy import select

from ascriptica_plugin.office import answers, odd_matches
from ascriptica_plugin.tables.office import Course, Participant

from ..office_at_work import connection_of
from ..pages import words


def with_key(office, key: str) -> Participant:
    return office.session.scalars(select(Participant).where(Participant.key == key)).one()


def test_a_recycled_email_is_asked_about_and_both_answers_work(office, canvas):
    """The first Kim left, and a second Kim got the address here; in Canvas the account is still the first one's."""
    office.register(office.course("ART", "art"), "kim", key="old kim", name="Kim Lee")
    office.deliver()
    office.register(office.course("BIO", "bio"), "kim", key="new kim", name="Kimberly Zhao")
    office.settle()
    assert [cause for _, cause, _ in office.causes()] == [None, "same_user"]
    assert (canvas.who_is_in("art"), canvas.who_is_in("bio")) == ({"kim@example.org"}, set())
    answer = (office.session, connection_of(office).id, with_key(office, "new kim"), office.now, "boss@example.org")
    answers.choose(*answer, new_login="kimberly@example.org")
    office.session.commit()
    office.settle()
    assert [cause for _, cause, _ in office.causes()] == [None, None]
    assert (canvas.who_is_in("art"), canvas.who_is_in("bio")) == ({"kim@example.org"}, {"kimberly@example.org"})


def recycled_in_canvas(office, canvas) -> int:
    """Kim is in ART; then Canvas deletes the account, and somebody else gets its login. The new user's id."""
    office.register(office.course("ART", "art"))
    office.deliver()
    canvas.hand("DELETE", f"accounts/self/users/{canvas.ids['user.kim']}")
    made = {"user[name]": "Kimberly Zhao", "pseudonym[unique_id]": "kim@example.org"}
    return canvas.hand("POST", "accounts/self/users", **made)["id"]


def who_has_rows(canvas, course: str) -> list[tuple[int, str]]:
    """(user, state) of every enrollment in the course."""
    number = canvas.ids[f"course.{course}"]
    return sorted(
        (row["user_id"], row["state"]) for row in canvas.read("world")["enrollments"] if row["course_id"] == number
    )


def test_a_person_who_has_a_recycled_login_in_canvas_keeps_what_a_teacher_gave_them(office, canvas):
    """Kim withdraws after the account had gone: what the new user has by hand is none of our business."""
    newer = recycled_in_canvas(office, canvas)
    canvas.by_hand(str(newer), "art")
    office.withdraw(office.session.scalars(select(Course)).one())
    office.settle()
    assert who_has_rows(canvas, "art") == [(canvas.ids["user.kim"], "deleted"), (newer, "active")]


def test_a_person_who_has_a_recycled_login_in_canvas_is_in_and_listed_as_having_another_name(office, admin, canvas):
    """The participant is the Canvas user who has the login; the office reads that the name is another one."""
    newer = recycled_in_canvas(office, canvas)
    office.register(office.course("BIO", "bio"))
    office.settle()
    kim = canvas.ids["user.kim"]
    assert who_has_rows(canvas, "art") == [(kim, "deleted"), (newer, "active")]
    assert who_has_rows(canvas, "bio") == [(newer, "active")]
    odd_matches.compare(office.session)
    office.session.commit()
    assert "Another name in Canvas" in words(admin.get("/tools/"))
    page = words(admin.get("/tools/canvas/matches"))
    assert "Kimberly Zhao" in page
    assert "This is somebody else" in page


def test_a_person_who_got_somebody_s_former_email_in_canvas_keeps_what_a_teacher_gave_them(office, canvas):
    """Kim has another email by now, and Canvas has given the old one to somebody else, who is in ART by hand."""
    newer = recycled_in_canvas(office, canvas)
    canvas.by_hand(str(newer), "art")
    office.correct(office.participant("kim@example.org"), email="kim.lee@example.org")
    office.settle()
    rows = who_has_rows(canvas, "art")
    assert (newer, "active") in rows
    office.withdraw(
        office.session.scalars(select(Course).where(Course.code == "ART")).one(), "kim", email="kim.lee@example.org"
    )
    office.settle()
    assert [row for row in who_has_rows(canvas, "art") if row[1] == "active"] == [(newer, "active")]
