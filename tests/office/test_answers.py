"""An administrator's answers: who somebody is in Canvas, and whether an enrollment stays."""

import pytest

from ascriptica_plugin.tables.ledger import Match

from ..office_at_work import Office
from ..pages import words


@pytest.fixture
def two_kims(office, canvas) -> Office:
    canvas.seed(
        users={
            "one": {"name": "Kim One", "login": "kim@example.org", "sis_user_id": "S-1"},
            "two": {"name": "Kim Two", "login": "two", "email": "kim@example.org"},
        },
        courses={"art": {"name": "Art"}, "bio": {"name": "Biology"}},
    )
    office.connect()
    office.register(office.course("ART", "art"))
    office.deliver()
    return office


def test_candidates_are_shown_side_by_side_and_the_choice_is_kept(two_kims, admin, canvas):
    assert "2 candidates: Kim One, Kim Two." in words(admin.get("/tools/canvas"))
    [seat] = two_kims.seats()
    page = words(admin.get(f"/tools/participants/{seat.participant_id}/who"))
    assert [word in page for word in ("Kim One", "Kim Two", "S-1")] == [True] * 3
    answer = {"canvas_user_id": str(canvas.ids["user.two"])}
    assert "is being enrolled" in words(
        admin.post(f"/tools/canvas/{seat.id}/choose", data=answer, follow_redirects=True)
    )
    two_kims.deliver()
    assert canvas.roster("art") == {"two": "active"}
    two_kims.register(two_kims.course("BIO", "bio"))
    assert len(two_kims.deliver()) == 1
    assert canvas.roster("bio") == {"two": "active"}


def test_the_answer_none_of_them_creates_a_user_with_another_login(two_kims, admin, canvas):
    [seat] = two_kims.seats()
    admin.post(f"/tools/canvas/{seat.id}/choose", data={"new_login": "kim.three"})
    two_kims.deliver()
    assert canvas.roster("art") == {"kim.three": "active"}


def test_a_login_that_is_taken_is_asked_again(two_kims, admin, canvas):
    [seat] = two_kims.seats()
    admin.post(f"/tools/canvas/{seat.id}/choose", data={"new_login": "TWO"})
    two_kims.deliver()
    assert [seat.cause for seat in two_kims.seats()] == ["who_is_it"]
    asked = two_kims.session.query(Match).one()
    assert (asked.question, [one["login_id"] for one in asked.candidates]) == ("who", ["two"])


def test_an_answer_without_an_open_question_changes_nothing(two_kims, admin, canvas):
    """A colleague has answered meanwhile, or nobody ever asked."""
    [seat] = two_kims.seats()
    admin.post(f"/tools/canvas/{seat.id}/choose", data={"canvas_user_id": str(canvas.ids["user.two"])})
    two_kims.register(two_kims.course("BIO", "bio"), "lou")
    for late in two_kims.seats():
        answer = admin.post(f"/tools/canvas/{late.id}/choose", data={"new_login": "late"}, follow_redirects=True)
        assert "is already known. Nothing was changed." in words(answer)
    two_kims.deliver()
    two_kims.register(two_kims.course("CHE", "bio"))
    two_kims.deliver()
    assert canvas.roster("art") == {"two": "active"}
    assert canvas.roster("bio") == {"lou@example.org": "active", "two": "active"}


@pytest.mark.parametrize("answer", [{}, {"canvas_user_id": "1"}, {"canvas_user_id": "x"}])
def test_only_a_candidate_that_was_shown_can_be_chosen(two_kims, admin, canvas, answer):
    [seat] = two_kims.seats()
    assert "Choose" in words(admin.post(f"/tools/canvas/{seat.id}/choose", data=answer, follow_redirects=True))
    two_kims.deliver()
    assert canvas.roster("art") == {}


@pytest.fixture
def was_there(office, canvas) -> Office:
    canvas.by_hand_before("kim", "art")
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    return office


@pytest.mark.parametrize(("answer", "state"), [("keep", "active"), ("remove", "deleted")])
def test_an_enrollment_from_before_stays_or_goes_as_the_office_says(was_there, admin, canvas, answer, state):
    [seat] = was_there.seats()
    admin.post(f"/tools/canvas/{seat.id}/decide", data={"answer": answer})
    was_there.deliver()
    assert canvas.roster("art") == {"kim@example.org": state}
    assert was_there.status()["seats"]["held"] == 0


@pytest.mark.parametrize("answer", ["keep", "remove"])
def test_an_enrollment_that_was_seen_before_the_registration_is_asked_about_once(office, admin, canvas, answer):
    """It was known already, so the registration pointed to it without a call."""
    canvas.by_hand("kim", "art")
    art = office.course("ART", "art", read=False)
    office.deliver()
    office.register(art)
    office.deliver()
    office.withdraw(art)
    office.deliver()
    [seat] = office.seats()
    assert seat.cause == "found_there"
    admin.post(f"/tools/canvas/{seat.id}/decide", data={"answer": answer})
    office.settle()
    assert office.causes() == [("kim@example.org", None, None)]
    assert canvas.who_is_in("art") == ({"kim@example.org"} if answer == "keep" else set())


def test_an_enrollment_from_before_that_two_courses_share_is_asked_about_once(office, admin, canvas):
    """The course in the default section pointed to it first; the course in its very section is the last to leave it."""
    late = canvas.ids["section.art.late"]
    canvas.by_hand("kim", "art", course_section_id=late)
    art, bio = office.course("ART", "art", read=False), office.course("BIO", "art", late, read=False)
    office.deliver()
    for course in (art, bio):
        office.register(course)
        office.deliver()
    for course in (art, bio):
        office.withdraw(course)
        office.deliver()
    [seat] = [seat for seat in office.seats() if seat.cause == "found_there"]
    admin.post(f"/tools/canvas/{seat.id}/decide", data={"answer": "remove"})
    office.settle()
    assert [cause for _, cause, _ in office.causes()] == [None, None]
    assert canvas.who_is_in("art") == set()


def test_only_an_enrollment_from_before_can_be_kept_or_removed(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    [seat] = office.seats()
    admin.post(f"/tools/canvas/{seat.id}/decide", data={"answer": "remove"})
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert admin.post("/tools/canvas/999/decide", data={"answer": "keep"}).status_code == 404
