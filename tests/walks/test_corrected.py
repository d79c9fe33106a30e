"""A correction leads to somebody else in Canvas, and another one back: what the other one has there is theirs."""

import pytest
from sqlalchemy import select

from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Course

from ..office_at_work import Office
from ..pages import words
from ..practice_canvas import Practice

TEST, PARK = "anna.test@example.org", "anna.park@example.org"


@pytest.fixture
def two_annas(office: Office, canvas: Practice) -> Office:
    """Anna Test is registered; Anna Park is in the same Canvas course by a teacher's hand."""
    canvas.seed(
        users={
            "test": {"name": "Anna Test", "login": TEST},
            "park": {"name": "Anna Park", "login": PARK},
        },
        courses={"art": {"name": "Art"}, "bio": {"name": "Bio"}},
    )
    office.connect()
    canvas.by_hand_before("park", "art")
    office.register(office.course("ART", "art"), "anna", email=TEST, name="Anna Test")
    office.deliver()
    assert canvas.who_is_in("art") == {TEST, PARK}
    return office


@pytest.fixture(params=["read before", "found by our request"])
def mistaken(request: pytest.FixtureRequest, two_annas: Office, canvas: Practice) -> Office:
    """The clerk took one Anna for the other, so that her place is what the other one had already."""
    if request.param == "read before":
        two_annas.recheck("art")
        two_annas.deliver()
    two_annas.correct(two_annas.participant(TEST), email=PARK)
    two_annas.settle()
    assert canvas.who_is_in("art") == {PARK}
    return two_annas


def test_after_a_correction_back_nothing_is_asked_about_the_others_enrollment(mistaken, canvas):
    mistaken.correct(mistaken.participant(PARK), email=TEST)
    mistaken.settle()
    assert mistaken.causes() == [(TEST, None, None)]
    assert canvas.who_is_in("art") == {TEST, PARK}
    assert mistaken.status()["questions"] == 0
    mistaken.withdraw(mistaken.session.scalars(select(Course)).one(), "anna", email=TEST, name="Anna Test")
    mistaken.settle()
    assert canvas.who_is_in("art") == {PARK}
    assert mistaken.causes() == [(TEST, None, None)]


def test_an_answer_that_comes_too_late_leaves_the_others_enrollment_alone(two_annas, admin, canvas):
    """The question was right when the page was shown: Anna Test was taken for the other one, and had withdrawn."""
    art = two_annas.session.scalars(select(Course)).one()
    two_annas.correct(two_annas.participant(TEST), email=PARK)
    two_annas.settle()
    two_annas.withdraw(art, "anna", email=PARK, name="Anna Test")
    two_annas.settle()
    [seat] = two_annas.seats()
    assert seat.cause == "found_there"
    match = two_annas.session.scalars(select(Match)).one()
    match.canvas_user_id = canvas.ids["user.test"]
    two_annas.session.commit()
    page = admin.post(f"/tools/canvas/{seat.id}/decide", data={"answer": "remove"}, follow_redirects=True)
    assert "Nothing is asked about Anna Test any more. Nothing was changed." in words(page)
    two_annas.settle()
    assert canvas.who_is_in("art") == {PARK}
    assert two_annas.causes() == [(PARK, None, None)]
