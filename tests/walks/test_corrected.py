"""A correction leads to somebody else in Canvas, and another one back: what the other one has there is theirs."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from ascriptica_plugin.ledger import matches
from ascriptica_plugin.office import people
from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Course

from ..office_at_work import Office, during_the_first_call
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


def test_a_correction_that_is_taken_back_asks_nothing_about_the_others_enrollment(mistaken, canvas):
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
    assert "There is no question about Anna Test any more. Nothing was changed." in words(page)
    two_annas.settle()
    assert canvas.who_is_in("art") == {PARK}
    assert two_annas.causes() == [(PARK, None, None)]


# -- to somebody with quite another name ------------------------------------------------------------------------------

JUNE = "june.park@example.org"


@pytest.fixture(params=["page", "import", "host"])
def exchanged(request: pytest.FixtureRequest, office: Office, canvas: Practice, admin: FlaskClient) -> Office:
    """Anna Test is in ART; then her email becomes June Park's, who is nobody that we know."""
    canvas.seed(
        users={"test": {"name": "Anna Test", "login": TEST}, "june": {"name": "June Park", "login": JUNE}},
        courses={"art": {"name": "Art"}, "bio": {"name": "Bio"}},
    )
    office.connect()
    office.register(office.course("ART", "art"), "anna", email=TEST, name="Anna Test")
    office.deliver()
    number = office.participant(TEST).id
    if request.param == "page":
        corrected = {"name": "Anna Test", "email": JUNE, "sis_user_id": ""}
        admin.post(f"/tools/participants/{number}", data=corrected, follow_redirects=True)
    elif request.param == "import":
        people.correct(office.session, office.participant(TEST), office.now, "an import", leave_out=True, email=JUNE)
        office.session.commit()
    else:
        office.register(office.course("BIO", "bio"), "anna", email=JUNE, name="Anna Test")
    office.settle()
    assert office.participant(JUNE).id == number
    return office


def test_a_correction_to_somebody_with_another_name_is_asked_about_before_anything_is_done(exchanged, admin, canvas):
    assert canvas.roster("art") == {TEST: "active"}
    assert canvas.who_is_in("bio") == set()
    assert {cause for _, cause, _ in exchanged.causes()} == {"who_is_it"}
    asked = f"Anna Test was Anna Test ({TEST}) in Canvas. The email and SIS ID here now lead to June Park ({JUNE}),"
    assert asked in words(admin.get("/tools/canvas"))
    page = words(admin.get(f"/tools/participants/{exchanged.participant(JUNE).id}/who"))
    assert page.index("Anna Test Login anna.test@example.org") < page.index("June Park Login june.park@example.org")


@pytest.mark.parametrize(("answer", "login"), [("test", TEST), ("june", JUNE)])
def test_either_answer_about_an_exchange_is_carried_out(exchanged, admin, canvas, answer, login):
    number = exchanged.participant(JUNE).id
    data = {"canvas_user_id": str(canvas.ids[f"user.{answer}"])}
    admin.post(f"/tools/participants/{number}/canvas-user", data=data)
    exchanged.settle()
    assert canvas.who_is_in("art") == {login}
    assert {cause for _, cause, _ in exchanged.causes()} == {None}
    exchanged.register(exchanged.course("CHE", "bio"), "anna", email=JUNE, name="Anna Test")
    exchanged.settle()
    assert canvas.who_is_in("bio") == {login}


def test_a_correction_back_withdraws_the_question(exchanged, canvas):
    exchanged.correct(exchanged.participant(JUNE), email=TEST)
    calls = [call for _ in range(3) for call in exchanged.deliver() if call.startswith(("POST", "DELETE"))]
    assert canvas.roster("art") == {TEST: "active"}
    assert {cause for _, cause, _ in exchanged.causes()} == {None}
    assert [call for call in calls if str(canvas.ids["course.art"]) in call] == []
    assert exchanged.status()["questions"] == 0


def test_page_button_and_log_name_whose_enrollment_is_asked_about(two_annas, admin, canvas):
    """Anna Test was taken for the other one, and withdraws before that is put right: the question is about her."""
    two_annas.correct(two_annas.participant(TEST), email=PARK)
    two_annas.settle()
    art = two_annas.session.scalars(select(Course)).one()
    two_annas.withdraw(art, "anna", email=PARK, name="Anna Test")
    two_annas.settle()
    page = words(admin.get("/tools/canvas"))
    assert f"In Canvas it is the enrollment of Anna Park, login {PARK}." in page
    assert "Let Anna Park stay Remove Anna Park" in page
    [seat] = two_annas.seats()
    page = admin.post(f"/tools/canvas/{seat.id}/decide", data={"answer": "keep"}, follow_redirects=True)
    assert "Anna Park stays in the Canvas course." in words(page)
    assert f"the enrollment of Anna Park, login {PARK}, that was there before us" in words(admin.get("/tools/log"))


# -- the match is put right after a withdrawal ------------------------------------------------------------------------


@pytest.fixture
def asked_about_another(two_annas: Office, canvas: Practice) -> Office:
    """Anna Test was taken for the other one, and withdrew: what the other one has there is asked about."""
    two_annas.correct(two_annas.participant(TEST), email=PARK)
    two_annas.settle()
    two_annas.withdraw(two_annas.session.scalars(select(Course)).one(), "anna", email=PARK, name="Anna Test")
    two_annas.settle()
    assert two_annas.causes() == [(PARK, "found_there", None)]
    return two_annas


def test_a_correction_withdraws_the_question_about_anothers_enrollment(asked_about_another, admin, canvas):
    asked_about_another.correct(asked_about_another.participant(PARK), email=TEST)
    asked_about_another.settle()
    assert asked_about_another.causes() == [(TEST, None, None)]
    assert asked_about_another.status()["questions"] == 0
    assert canvas.who_is_in("art") == {PARK}
    page = words(admin.get("/tools/canvas"))
    assert "Anna Park" not in page
    assert "No enrollment known in Canvas" in page


def test_a_correction_that_leads_to_nobody_leaves_the_question_and_creates_nobody(asked_about_another, admin, canvas):
    """Nobody knows who it is then; the enrollment may still be theirs."""
    asked_about_another.correct(asked_about_another.participant(PARK), email="anna@example.net")
    calls = [call for _ in range(3) for call in asked_about_another.deliver() if not call.startswith("GET")]
    assert calls == []
    assert asked_about_another.causes() == [("anna@example.net", "found_there", None)]
    assert "In Canvas it is the enrollment of Anna Park, login" in words(admin.get("/tools/canvas"))


def test_choosing_somebody_else_withdraws_the_question_about_anothers_enrollment(asked_about_another, admin, canvas):
    number = asked_about_another.participant(PARK).id
    admin.post(f"/tools/participants/{number}/doubt")
    admin.post(f"/tools/participants/{number}/canvas-user", data={"other": TEST})
    asked_about_another.settle()
    assert asked_about_another.causes() == [(PARK, None, None)]
    assert canvas.who_is_in("art") == {PARK}


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ("Anna Park", f"As far as we last knew, it is the enrollment of Anna Park, login {PARK}. Canvas has shown"),
        (None, "We don't know whose enrollment it is in Canvas: look there before you decide."),
    ],
)
def test_a_question_whose_match_is_doubted_names_whom_we_knew_or_says_that_nobody_does(
    asked_about_another, admin, known, said
):
    match = asked_about_another.session.scalars(select(Match)).one()
    match.doubted, match.canvas_name = True, known
    asked_about_another.session.commit()
    page = words(admin.get("/tools/canvas"))
    assert said in page
    assert "Let it stay Remove it" in page


def test_a_doubted_match_of_somebody_who_is_asked_about_is_looked_up(asked_about_another, admin, canvas):
    """Nobody waits for them to register again: Canvas is asked who has the email now."""
    match = asked_about_another.session.scalars(select(Match)).one()
    matches.doubt(asked_about_another.session, match.connection_id, Match.participant_id == match.participant_id)
    asked_about_another.session.commit()
    asked_about_another.settle()
    assert asked_about_another.causes() == [(PARK, "found_there", None)]
    assert "Let Anna Park stay Remove Anna Park" in words(admin.get("/tools/canvas"))


def test_a_question_that_the_office_asked_is_not_answered_by_the_email(asked_about_another, admin, canvas):
    """*This is somebody else*, said of a user whose login changes in Canvas after that: it stays a question."""
    match = asked_about_another.session.scalars(select(Match)).one()
    admin.post(f"/tools/participants/{match.participant_id}/doubt")
    asked_about_another.session.expire_all()
    matches.doubt(asked_about_another.session, match.connection_id, Match.participant_id == match.participant_id)
    asked_about_another.session.commit()
    asked_about_another.settle()
    asked_about_another.session.expire_all()
    assert asked_about_another.session.scalars(select(Match.question)).one() == "who"


OLD, NEW = "mia.old@example.org", "mia.new@example.org"


@pytest.mark.parametrize("method", ["search_users", "create_user", "enroll"])
def test_a_correction_while_somebody_is_delivered_for_the_first_time_is_followed(office, canvas, monkeypatch, method):
    """Nothing is stored yet of who they are, and what is under way goes by the email before."""
    office.register(office.course("ART", "art"), "mia", email=OLD, name="Mia Moss")
    during_the_first_call(office, monkeypatch, lambda: office.correct(office.participant(OLD), email=NEW), method)
    office.settle()
    assert canvas.who_is_in("art") == {NEW}
    [match] = office.session.scalars(select(Match)).all()
    assert match.from_email == match.email_sent == NEW
