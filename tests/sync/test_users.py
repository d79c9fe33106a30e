"""Which Canvas user a participant is: found, created, asked about; and names that follow."""

from sqlalchemy import select

from ascriptica_plugin.tables.ledger import Match

from ..office_at_work import policy
from ..practice_canvas import posts


def test_people_wait_until_canvas_knows_them_where_creating_is_off(office, canvas):
    policy(office, create_users=False)
    office.register(office.course("ART", "art"), "new")
    assert posts(office.deliver()) == []
    assert [seat.cause for seat in office.seats()] == ["no_account"]
    where = f"{canvas.api}/accounts/{canvas.ids['account.root']}/users"
    canvas.admin.post(where, data={"pseudonym[unique_id]": "new@example.org"}, timeout=10)
    office.later(minutes=16)
    office.deliver()
    assert canvas.roster("art") == {"new@example.org": "active"}


def test_allowing_us_to_create_users_releases_the_people_who_waited_for_it(office, admin, canvas):
    policy(office, create_users=False)
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    form = {"display_canvas": "y", "canvas_url": canvas.api, "canvas_root_id": str(canvas.ids["account.root"])}
    admin.post("/tools/settings/course-settings", data=form | {"missing_users": "create"})
    office.deliver()
    assert canvas.roster("art") == {"new@example.org": "active"}


def test_a_person_known_in_canvas_takes_two_calls_at_first_and_then_one(office, canvas):
    first, second = office.course("ART", "art"), office.course("BIO", "bio")
    office.register(first, "lou")
    assert len(office.deliver()) == 2
    office.register(second, "lou")
    assert office.deliver() == [f"POST /courses/{canvas.ids['course.bio']}/enrollments"]
    assert canvas.roster("bio") == {"lou@example.org": "active"}


def test_a_search_that_finds_a_similar_login_does_not_take_it(office, canvas):
    office.register(office.course("ART", "art"), "im")
    office.deliver()
    assert canvas.roster("art") == {"im@example.org": "active"}


def test_an_email_in_another_case_leads_to_the_same_person(office, canvas):
    office.register(office.course("ART", "art"), "kim", email="KIM@Example.org")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_several_possible_users_are_a_question(practice, office, canvas):
    canvas.seed(
        users={
            "one": {"name": "Kim One", "login": "kim@example.org"},
            "two": {"name": "Kim Two", "login": "two", "email": "kim@example.org"},
        },
        courses={"art": {"name": "Art"}},
    )
    office.connect()
    office.register(office.course("ART", "art"))
    office.deliver()
    [seat] = office.seats()
    assert seat.cause == "who_is_it"
    asked = office.session.query(Match).one()
    assert asked.question == "who"
    assert sorted(one["name"] for one in asked.candidates) == ["Kim One", "Kim Two"]
    assert canvas.roster("art") == {}


def test_a_person_who_was_deleted_in_canvas_and_comes_back_is_made_anew(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    user = canvas.ids["user.kim"]
    canvas.admin.delete(f"{canvas.api}/accounts/{canvas.ids['account.root']}/users/{user}", timeout=10)
    office.register(course)
    calls = office.deliver()
    assert [call for call in calls if call.endswith("/users") and call.startswith("POST")] != []
    assert [seat.cause for seat in office.seats()] == [None]
    assert office.session.query(Match).one().canvas_user_id != user
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_an_unknown_sis_id_falls_back_to_the_email(office, canvas):
    office.register(office.course("ART", "art"), "lou", sis_user_id="L-999")
    office.deliver()
    assert canvas.roster("art") == {"lou@example.org": "active"}


def test_a_user_created_though_the_answer_was_lost_is_created_once(office, canvas):
    canvas.faults({"match": "POST /accounts/", "times": 1, "fault": "reset", "when": "after"})
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("art") == {"new@example.org": "active"}
    assert [user["login"] for user in canvas.read("world")["users"]].count("new@example.org") == 1
    assert office.session.query(Match).one().created_by_us


def test_nobody_is_created_for_somebody_who_has_withdrawn(office, canvas):
    """The user whom we had created was deleted in Canvas, and a request about them was never answered."""
    course = office.course("ART", "art")
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "before"})
    office.register(course, "new")
    office.deliver()
    [match] = office.session.scalars(select(Match))
    assert match.created_by_us
    canvas.hand("DELETE", f"accounts/{canvas.ids['account.root']}/users/{match.canvas_user_id}")
    office.withdraw(course, "new")
    users = len(canvas.read("world")["users"])
    office.settle()
    assert len(canvas.read("world")["users"]) == users
    assert office.status()["seats"]["removed"] == 1
