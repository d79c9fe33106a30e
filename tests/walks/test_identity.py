"""Who a participant is in Canvas: never the wrong person, never a second account, and always found.

The scenes are mistakes of an office and events of a Canvas that other people use as well. The numbers in the comments
are those of the review that found them.
"""

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import answers
from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Course, Participant

from ..office_at_work import Office, connection_of, policy
from ..practice_canvas import Practice

ART = {"art": {"name": "Art"}}
ART_AND_BIO = {"art": {"name": "Art"}, "bio": {"name": "Bio"}}
ANN_AND_ANN = {
    "ann": {"name": "Ann", "login": "ann@example.org"},
    "ann2": {"name": "Ann Main", "login": "a.main@uni.edu", "sis_user_id": "S-9", "email": "a.main@uni.edu"},
}


@pytest.fixture
def two_kims(office: Office, canvas: Practice) -> None:
    """Two Canvas users have Kim's email, so an administrator is asked who it is."""
    canvas.seed(
        users={
            "a": {"name": "Kim A", "login": "kim.a", "email": "kim@example.org"},
            "b": {"name": "Kim B", "login": "kim.b", "email": "kim@example.org"},
        },
        courses=ART_AND_BIO,
    )
    office.connect()


def none_of_them(office: Office, login: str) -> None:
    """An administrator answers that Kim is none of those, but a new user with this login."""
    kim = office.participant("kim@example.org")
    answers.choose(office.session, connection_of(office).id, kim, office.now, "admin@example.org", new_login=login)
    office.session.commit()


def the_match(office: Office) -> Match:
    return office.session.scalars(select(Match).execution_options(populate_existing=True)).one()


def logins(canvas: Practice) -> list[str]:
    return [user["login"] or "" for user in canvas.read("world")["users"]]


# -- the office corrects a mistake ------------------------------------------------------------------------------------


def test_correcting_an_email_enrolls_the_right_person_and_removes_the_wrong_one(office, canvas):
    """The clerk typed Lou's address for Kim; Lou was enrolled; the clerk corrects the email to Kim's."""  # I1
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    office.register(art, "x", key="x", email="lou@example.org", name="Kim Lee")
    office.deliver()
    assert canvas.who_is_in("art") == {"lou@example.org"}
    office.correct(office.participant("lou@example.org"), email="kim@example.org")
    office.settle()
    office.register(bio, "x", key="x", email="kim@example.org", name="Kim Lee")
    office.settle()
    assert canvas.who_is_in("bio") == {"kim@example.org"}, "a new registration still enrolls the other person"
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_correcting_a_sis_id_enrolls_the_right_person_and_removes_the_wrong_one(office, canvas):
    """Ann and Bob's SIS IDs were swapped, so Bob got Ann's place."""  # I2
    canvas.seed(
        users={
            "ann": {"name": "Ann", "login": "ann@canvas.edu", "sis_user_id": "S-1"},
            "bob": {"name": "Bob", "login": "bob@canvas.edu", "sis_user_id": "S-2"},
        },
        courses=ART_AND_BIO,
    )
    office.connect()
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    office.register(art, "ann", sis_user_id="S-2")
    office.deliver()
    assert canvas.who_is_in("art") == {"bob@canvas.edu"}
    office.correct(office.participant("ann@example.org"), sis_user_id="S-1")
    office.settle()
    office.register(bio, "ann", sis_user_id="S-1")
    office.settle()
    assert canvas.who_is_in("bio") == {"ann@canvas.edu"}, "Bob gets into Ann's courses for ever"
    assert canvas.who_is_in("art") == {"ann@canvas.edu"}


def test_a_user_created_for_a_typo_does_not_take_an_existing_persons_email(office, canvas):
    """We created a Canvas user for a typo. Corrected to Kim's email: Kim's own account must get the place."""  # I3
    office.register(office.course("ART", "art"), "x", key="x", email="kmi@example.org", name="Kim Lee")
    office.deliver()
    office.correct(office.participant("kmi@example.org"), email="kim@example.org")
    office.settle()
    with_email = [user["login"] for user in canvas.read("world")["users"] if user["email"] == "kim@example.org"]
    assert with_email == ["kim@example.org"], f"two Canvas users have Kim's email now: {with_email}"
    assert canvas.who_is_in("art") == {"kim@example.org"}


# -- what the token does not show -------------------------------------------------------------------------------------


def test_no_second_account_is_made_without_the_right_to_see_emails(office, canvas):
    """Kim's login is not the email, and the search can't see emails."""  # I4
    canvas.seed(users={"kim": {"name": "Kim Lee", "login": "k123", "email": "kim@example.org"}}, courses=ART)
    canvas.options(permissions={"without": ["read_email_addresses"]})
    office.connect()
    office.register(office.course("ART", "art"), "kim")
    office.settle()
    kims = [login for login in logins(canvas) if "kim" in login or login == "k123"]
    assert len(kims) == 1, f"a second account was made: {kims}"
    canvas.options(permissions=None)
    office.settle()
    assert canvas.who_is_in("art") == {"k123"}, "once the right is given, it continues automatically"


def test_a_taken_login_of_somebody_with_another_sis_id_is_a_question_whatever_the_search_sees(office, canvas):
    """With a search that sees them it is a question; with one that doesn't, the stranger must not get in either."""
    # I11
    canvas.options(permissions={"without": ["view_user_logins", "read_email_addresses"]})
    office.register(office.course("ART", "art"), "kim", sis_user_id="OTHER-7")  # Canvas's kim is K-100
    office.settle()
    assert canvas.who_is_in("art") == set()


# -- users are merged in Canvas ---------------------------------------------------------------------------------------


def test_a_person_who_was_merged_is_found_by_the_login_that_moved_along(office, canvas):
    """After the merge Ann's login is the second login of her other account."""  # I5
    canvas.seed(users=ANN_AND_ANN, courses=ART_AND_BIO)
    office.connect()
    office.register(office.course("ART", "art"), "ann")
    office.deliver()
    canvas.merge("ann", "ann2")
    office.register(office.course("BIO", "bio"), "ann")
    office.settle()
    assert canvas.hand("GET", "users/sis_login_id:ann@example.org")["id"] == canvas.ids["user.ann2"]
    assert canvas.who_is_in("bio") == {"a.main@uni.edu"}, office.causes()


def test_the_other_of_two_merged_participants_stays_in_when_one_withdraws(office, canvas):
    """The other one is still registered, so the merged user stays in, or comes back when the office has answered."""
    # I6
    canvas.seed(
        users={
            "ann": {"name": "Ann", "login": "ann@example.org"},
            "ann2": {"name": "Ann", "login": "ann.old@example.org"},
        },
        courses=ART,
    )
    office.connect()
    course = office.course("ART", "art", read=False)
    office.register(course, "ann")
    office.register(course, "ann.old")
    office.deliver()
    assert canvas.who_is_in("art") == {"ann@example.org", "ann.old@example.org"}
    canvas.merge("ann", "ann2")
    office.withdraw(course, "ann.old")
    office.settle()
    office.later(days=1)  # the nightly read
    office.settle()
    office.one_person("ann@example.org")
    office.settle()
    # ann is still registered, and her login is the merged user's now.
    assert canvas.who_is_in("art"), office.causes()


def test_a_person_is_found_by_their_second_login_where_creating_is_off(office, canvas):
    """The search shows only the first login of a merged user."""  # I12
    canvas.seed(users=ANN_AND_ANN, courses=ART)
    canvas.merge("ann", "ann2")
    office.connect()
    policy(office, create_users=False)
    office.register(office.course("ART", "art"), "ann")
    office.settle()
    assert canvas.who_is_in("art") == {"a.main@uni.edu"}, office.causes()


# -- an administrator answers that it is none of the candidates -------------------------------------------------------


@pytest.mark.usefixtures("two_kims")
def test_the_answer_none_of_them_serves_both_places_that_wait(office, canvas):
    """The new user whom the first place creates is the second one's too, even if both are delivered at once."""  # I7
    canvas.options(latency_seconds=0.1)
    office.register(office.course("ART", "art"), "kim")
    office.register(office.course("BIO", "bio"), "kim")
    office.deliver()
    none_of_them(office, "kim.new")
    office.deliver()
    assert [cause for _, cause, _ in office.causes()] == [None, None], office.causes()


@pytest.mark.usefixtures("two_kims")
def test_answering_a_question_as_often_as_it_is_asked_makes_no_second_account(office, canvas):
    """An administrator who does what the page asks must not be led to two new users."""  # I7, second part
    canvas.options(latency_seconds=0.1)
    office.register(office.course("ART", "art"), "kim")
    office.register(office.course("BIO", "bio"), "kim")
    office.deliver()
    for login in ("kim.new", "kim.new2"):
        if the_match(office).candidates is None:
            break
        none_of_them(office, login)
        office.deliver()
    made = [login for login in logins(canvas) if login.startswith("kim.new")]
    assert made == ["kim.new"], f"Kim has two new accounts, in {canvas.rows()}"


@pytest.mark.usefixtures("two_kims")
def test_a_lost_answer_after_none_of_them_asks_for_no_other_login(office, canvas):
    """Canvas created the user, and its answer was lost; the login is taken now, by our own user."""  # I8
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    none_of_them(office, "kim.new")
    canvas.faults({"match": "POST /accounts/", "times": 1, "fault": "reset", "when": "after"})
    office.settle()
    assert [login for login in logins(canvas) if login == "kim.new"] == ["kim.new"]
    assert office.status()["seats"]["enrolled"] == 1, office.causes()


@pytest.mark.usefixtures("two_kims")
def test_a_new_user_with_a_login_of_its_own_has_the_participants_email(office, canvas):
    """What we remember sending is what Canvas has."""  # I9
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    none_of_them(office, "kim.new")
    office.settle()
    known = the_match(office)
    [made] = [user for user in canvas.read("world")["users"] if user["login"] == "kim.new"]
    assert made["email"] == known.email_sent, f"Canvas has email {made['email']}, we say we sent {known.email_sent}"


# -- users whom somebody deletes or makes -----------------------------------------------------------------------------


def test_a_sis_id_with_a_deleted_login_leaves_no_question_without_candidates(office, canvas):
    """Somebody left, and their Canvas user was deleted; they come back with the same SIS ID."""  # I10
    canvas.hand("DELETE", f"accounts/self/users/{canvas.ids['user.kim']}")
    office.register(office.course("ART", "art"), "kim", sis_user_id="K-100")
    office.settle()
    [seat] = office.seats()
    assert seat.cause == "user_missing"


def test_a_user_created_though_the_answer_was_lost_follows_a_changed_name(office, canvas):
    """We made the user, whether or not Canvas's answer reached us, so it is ours to rename."""  # I13
    canvas.faults({"match": "POST /accounts/", "times": 1, "fault": "reset", "when": "after"})
    office.register(office.course("ART", "art"), "new")
    office.settle()
    assert the_match(office).created_by_us
    office.correct(office.participant("new@example.org"), name="Married Name")
    office.settle()
    assert "Married Name" in [user["name"] for user in canvas.read("world")["users"]]


def test_a_user_whom_the_office_made_after_we_were_refused_is_not_ours(office, canvas):
    """Canvas did not let us create the user, so a user who has the login later was made by somebody else."""  # I14
    canvas.options(permissions={"without": ["manage_user_logins"]})
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    canvas.options(permissions=None)
    made = {"user[name]": "By Hand", "pseudonym[unique_id]": "new@example.org"}
    canvas.hand("POST", "accounts/self/users", **made)
    office.settle()
    assert not the_match(office).created_by_us


def test_two_participants_who_lead_to_one_canvas_user_are_asked_about(office, canvas):
    """The first Kim left, and a second Kim got the address."""  # I15
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    office.register(art, "kim", key="old kim", name="Kim Lee")
    office.deliver()
    office.register(bio, "kim", key="new kim", name="Kimberly Zhao")
    office.settle()
    asked = [cause for _, cause, _ in office.causes()]
    assert "same_user" in asked, f"Kimberly Zhao was enrolled as Kim Lee without a word: {canvas.rows()}"


def two_who_lead_to_one_user(office: Office) -> int:
    """Two participants with Kim's email, in ART and BIO; the second one is asked about. Returns the user's id."""
    office.register(office.course("ART", "art"), "kim", key="old kim", name="Kim Lee")
    office.deliver()
    office.register(office.course("BIO", "bio"), "kim", key="new kim", name="Kimberly Zhao")
    office.deliver()
    return office.session.scalars(select(Match.canvas_user_id).where(Match.canvas_user_id.is_not(None))).one()


def say(office: Office, key: str, user_id: int, *, same_person: bool = False) -> None:
    who = office.session.scalars(select(Participant).where(Participant.key == key)).one()
    home = connection_of(office).id
    how = {"canvas_user_id": user_id, "same_person": same_person}
    answers.choose(office.session, home, who, office.now, "admin@example.org", **how)
    office.session.commit()


def test_a_person_whose_user_is_somebody_elses_loses_what_they_had_as_that_user(office, canvas):
    """The user is Kimberly's. It is asked who Kim Lee is; until then he is in no course as her."""
    user_id = two_who_lead_to_one_user(office)
    say(office, "new kim", user_id)
    office.settle()
    assert canvas.who_is_in("bio") == {"kim@example.org"}
    assert canvas.who_is_in("art") == set(), office.causes()
    assert [cause for _, cause, _ in office.causes()] == ["same_user", None]


def test_a_shared_enrollment_stays_with_the_participant_whose_user_it_is(office, canvas):
    user_id = two_who_lead_to_one_user(office)
    art = office.session.scalars(select(Course).where(Course.code == "ART")).one()
    office.register(art, "kim", key="new kim", name="Kimberly Zhao")
    say(office, "new kim", user_id)
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_a_third_participant_who_leads_to_a_shared_user_is_asked_about(office, canvas):
    user_id = two_who_lead_to_one_user(office)
    say(office, "new kim", user_id, same_person=True)
    office.settle()
    office.register(office.course("THIRD", "art"), "kim", key="third kim", name="Kim Third")
    office.settle()
    assert [cause for _, cause, _ in office.causes()] == [None, None, "same_user"]
    say(office, "third kim", user_id, same_person=True)
    office.settle()
    assert [cause for _, cause, _ in office.causes()] == [None, None, None]


def test_a_shared_user_who_is_a_third_participant_s_is_nobody_else_s(office, canvas):
    user_id = two_who_lead_to_one_user(office)
    say(office, "new kim", user_id, same_person=True)
    office.settle()
    office.register(office.course("THIRD", "blue"), "kim", key="third kim", name="Kim Third")
    office.deliver()
    say(office, "third kim", user_id)
    # One request about a person at a time: the others are put off for seconds, the refused course for a quarter of an
    # hour. Where both are due at once again, the course may have the first turn each time.
    office.settle(minutes=1)
    assert (canvas.who_is_in("art"), canvas.who_is_in("bio")) == (set(), set())
