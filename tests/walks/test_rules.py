"""Rules of who is who and of rows that no other scene depends on: each goes red when its rule is broken."""

from sqlalchemy import select

from ascriptica_plugin.office import answers
from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Course, Participant

from ..office_at_work import Office, connection_of
from ..practice_canvas import Practice

TWO = {
    "kim": {"name": "Kim Berg", "login": "kim@example.org", "sis_user_id": "K-100"},
    "other": {"name": "Kim Other", "login": "other@example.org"},
}


def begin(office: Office, canvas: Practice) -> Course:
    canvas.seed(users=TWO, courses={"art": {"name": "Art"}, "bio": {"name": "Bio"}})
    office.connect()
    return office.course("ART", "art")


def say(office: Office, participant: Participant, user_id: int) -> None:
    """The administrator says who it is, after doubting it."""
    home = connection_of(office).id
    answers.doubt(office.session, home, participant, office.now, "a@x")
    known = office.session.get_one(Match, (home, participant.id))
    known.candidates = [{"id": user_id, "name": "Kim", "login_id": None, "email": None, "sis_user_id": None}]
    office.session.flush()
    answers.choose(office.session, home, participant, office.now, "a@x", canvas_user_id=user_id)
    office.session.commit()


def test_a_person_whom_an_administrator_chose_stays_whatever_is_corrected(office, canvas):
    art = begin(office, canvas)
    office.register(art, "kim", name="Kim Berg")
    office.deliver()
    say(office, office.participant("kim@example.org"), canvas.ids["user.kim"])
    office.settle()
    office.correct(office.participant("kim@example.org"), email="other@example.org")
    office.register(office.course("BIO", "bio"), "kim", email="other@example.org", name="Kim Berg")
    office.settle()
    assert canvas.who_is_in("art") == canvas.who_is_in("bio") == {"kim@example.org"}


def test_a_user_whom_an_administrator_chose_does_not_give_way_to_the_one_with_their_email(office, canvas):
    """Nothing of Kim's leads to that user; the newcomer's email does, and is asked about."""
    art = begin(office, canvas)
    office.register(art, "kim", name="Kim Berg")
    office.deliver()
    say(office, office.participant("kim@example.org"), canvas.ids["user.other"])
    office.settle()
    assert canvas.who_is_in("art") == {"other@example.org"}
    office.register(office.course("BIO", "bio"), "other", name="Kim Other")
    office.settle()
    assert [cause for _, cause, _ in office.causes()] == [None, "same_user"]
    assert (canvas.who_is_in("art"), canvas.who_is_in("bio")) == ({"other@example.org"}, set())


def test_an_email_that_leads_to_nobody_any_more_asks_whether_it_is_still_them(office, canvas):
    art = begin(office, canvas)
    office.register(art, "kim", name="Kim Berg")
    office.deliver()
    office.correct(office.participant("kim@example.org"), email="kim.new@example.org")
    office.settle()
    match = office.session.scalars(select(Match)).one()
    assert (match.question, [one["login_id"] for one in match.candidates]) == ("still", ["kim@example.org"])
    assert canvas.roster("art") == {"kim@example.org": "active"}, "nobody is put out before it is answered"
    assert len(canvas.read("world")["users"]) == len(TWO) + 1, "and nobody is made"


def test_an_account_with_another_sis_id_is_asked_about(office, canvas):
    office.register(begin(office, canvas), "kim", sis_user_id="K-999", name="Kim Berg")
    office.settle()
    assert [cause for _, cause, _ in office.causes()] == ["who_is_it"]
    assert canvas.who_is_in("art") == set()


def test_the_answer_that_an_enrollment_stays_holds_until_somebody_ends_it(office, canvas):
    """Kim is let in anew by us afterwards, and so out again."""
    art = begin(office, canvas)
    made = canvas.by_hand_before("kim", "art")
    office.register(art, "kim", name="Kim Berg")
    office.deliver()
    office.withdraw(art, "kim", name="Kim Berg")
    office.deliver()
    [seat] = office.seats()
    answers.decide(office.session, seat, True, office.now, "a@x")
    office.session.commit()
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{made['id']}", task="delete")
    office.later(days=1)
    office.settle()
    office.register(art, "kim", name="Kim Berg")
    office.settle()
    office.withdraw(art, "kim", name="Kim Berg")
    office.settle()
    assert canvas.who_is_in("art") == set()
    assert office.status()["questions"] == 0


def test_a_person_moved_by_hand_and_left_there_is_asked_about_when_they_withdraw(office, canvas):
    """What the hand made is no enrollment of ours."""
    art = office.course("ART", "art")
    office.register(art)
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    canvas.by_hand("kim", "art", course_section_id=canvas.ids["section.art.late"])
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row['id']}", task="delete")
    office.recheck("art")
    office.deliver()
    [seat] = office.seats()
    assert (seat.cause, seat.cause_scope) == ("changed_in_canvas", "moved")
    answers.about_a_hand(office.session, seat, False, office.now, "a@x")
    office.session.commit()
    assert office.status()["seats"]["enrolled"] == 1
    office.withdraw(art)
    office.settle()
    assert [cause for _, cause, _ in office.causes()] == ["found_there"]
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_a_person_who_is_somebody_else_is_enrolled_before_the_wrong_one_is_removed(office, canvas):
    """Kim is Kim Other, and Canvas lets nobody in for a while."""
    art = begin(office, canvas)
    office.register(art, "kim", name="Kim Berg")
    office.deliver()
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    say(office, office.participant("kim@example.org"), canvas.ids["user.other"])
    office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    canvas.options(permissions=None)
    office.settle()
    assert canvas.who_is_in("art") == {"other@example.org"}


# -- a question about an enrollment: who is it? -----------------------------------------------------------------------


def change_login(canvas: Practice, user_id: int, login: str) -> None:
    """A person changes it in Canvas."""
    [its] = canvas.hand("GET", f"users/{user_id}/logins")
    where = f"accounts/{canvas.ids['account.root']}/logins/{its['id']}"
    canvas.hand("PUT", where, **{"login[unique_id]": login})


def test_a_person_whom_an_administrator_chose_is_not_looked_up_by_email_for_a_question(office, canvas):
    """Kim is Kim Other, who was in ART before; Kim withdraws, and then that user's login changes in Canvas."""
    art = begin(office, canvas)
    canvas.by_hand_before("other", "art")
    office.register(art, "kim", name="Kim Berg")
    office.deliver()
    say(office, office.participant("kim@example.org"), canvas.ids["user.other"])
    office.deliver()
    office.withdraw(art, "kim", name="Kim Berg")
    office.deliver()
    office.recheck("art")
    office.deliver()
    assert office.causes() == [("kim@example.org", "found_there", None)]
    change_login(canvas, canvas.ids["user.other"], "kim.other@example.org")
    office.recheck("art")
    office.settle()
    match = office.session.scalars(select(Match)).one()
    assert (match.canvas_user_id, match.how) == (canvas.ids["user.other"], "admin")
    assert office.causes() == [("kim@example.org", "found_there", None)]
