"""People new to Canvas get users by an import, but nobody who is a user already, by whatever name."""

import pytest
from sqlalchemy import select, update

from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Registration

from ..masses import emails, everybody, imports, in_steps, posted
from ..office_at_work import policy


@pytest.fixture(autouse=True)
def mailing(school):
    """The only way in that an import can give is Canvas's own mail."""
    policy(school, way_in="canvas_mail")


NEW = [f"new{number}" for number in range(8)]


def users(canvas) -> list[str]:
    return sorted(str(user["login"]) for user in canvas.read("world")["users"])


def test_people_new_to_canvas_get_users_by_an_import(school, canvas):
    course = school.course("ART", "art")
    everybody(school, course, NEW)
    calls = in_steps(school, until_minutes=6)
    assert posted(calls, "/sis_imports") == 2
    assert not [call for call in calls if call.startswith("POST") and not call.endswith("/sis_imports")]
    assert canvas.who_is_in("art") == emails(NEW)
    assert school.status()["seats"]["enrolled"] == 8
    known = school.session.scalars(select(Match)).all()
    assert {(one.how, one.created_by_us, one.name_sent.startswith("New")) for one in known} == {("created", True, True)}
    assert [its.seats for its in imports(school)] == [8, 8]


def test_only_people_who_may_be_mailed_get_a_link(school, canvas):
    everybody(school, school.course("ART", "art"), NEW)
    quiet = school.session.scalars(select(Registration.id).limit(3)).all()
    school.session.execute(update(Registration).where(Registration.id.in_(quiet)).values(notify=False))
    school.session.commit()
    in_steps(school, until_minutes=6)
    assert canvas.who_is_in("art") == emails(NEW)
    assert canvas.read("seed")["mails"] == len(NEW) - 3


def test_the_name_of_somebody_who_was_made_a_user_follows(school, canvas):
    course = school.course("ART", "art")
    everybody(school, course, NEW)
    in_steps(school, until_minutes=6)
    school.correct(school.participant("new3@example.org"), name="Nora New")
    school.settle()
    assert "Nora New" in {user["name"] for user in canvas.read("world")["users"]}


@pytest.mark.parametrize("change", [{"create_users": False}, {"mass_by_sis": False}, {"way_in": "our_mail"}])
def test_nobody_is_made_a_user_where_the_office_does_not_want_it(school, canvas, change):
    before = users(canvas)
    course = school.course("ART", "art")
    everybody(school, course, NEW)
    school.deliver()
    policy(school, **change)
    in_steps(school, until_minutes=6)
    assert len(imports(school)) == 1
    assert (users(canvas) == before) == ("create_users" in change)


def test_an_import_leaves_users_without_a_sis_id_as_they_are(school, canvas):
    """One has the email as login, one as another address."""
    root = f"accounts/{canvas.ids['account.root']}/users"
    canvas.hand("POST", root, **{"user[name]": "Old Name", "pseudonym[unique_id]": "NEW1@example.org"})
    by_address = {"user[name]": "Other", "pseudonym[unique_id]": "other"}
    canvas.hand("POST", root, **by_address, **{"communication_channel[address]": "new2@example.org"})
    course = school.course("ART", "art")
    everybody(school, course, NEW)
    in_steps(school, until_minutes=8)
    assert canvas.who_is_in("art") == emails(NEW) - {"new1@example.org", "new2@example.org"} | {
        "NEW1@example.org",
        "other",
    }
    world = {str(user["login"]): user for user in canvas.read("world")["users"]}
    assert world["NEW1@example.org"]["name"] == "Old Name"
    assert [login for login in users(canvas) if "new2" in login.lower()] == []


def test_no_import_makes_users_where_canvas_hides_logins(school, canvas):
    canvas.options(permissions={"without": ["view_user_logins"]})
    course = school.course("ART", "art")
    everybody(school, course, NEW)
    in_steps(school, until_minutes=8)
    assert [its.sha256 is None for its in imports(school)] == [False, True]
    assert "can't say for certain" in imports(school)[1].problem
