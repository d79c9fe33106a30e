"""How people whom we create in Canvas get in: by a link, ours or Canvas's, or by single sign-on; never two mails."""

import pytest
from sqlalchemy import update

from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Registration

from ..office_at_work import Office, connection_of, during_the_first_call, policy, rotated
from ..pages import all_of
from ..practice_canvas import Practice


def mails_of(canvas: Practice) -> int:
    """How many mails Canvas has sent."""
    return canvas.read("seed")["mails"]


def state_of(canvas: Practice, login: str) -> str:
    return next(user["state"] for user in canvas.read("world")["users"] if user["login"] == login)


def ways_in(office: Office) -> list[str | None]:
    return [match.way_in for match in all_of(office.app, Match)]


@pytest.fixture
def by_mail(mailing, canvas) -> Office:
    """An office that can mail people."""
    office = Office(mailing, canvas)
    office.connect()
    return office


def lose_the_answer(canvas: Practice) -> None:
    canvas.faults({"match": "POST /accounts/", "times": 1, "fault": "reset", "when": "after"})


def test_canvas_mails_a_link_where_our_mails_are_not_set_up(office, canvas):
    office.register(office.course("ART", "art"), "nora")
    office.deliver()
    assert (state_of(canvas, "nora@example.org"), mails_of(canvas)) == ("pre_registered", 1)
    assert ways_in(office) == ["canvas_mail"]
    assert all_of(office.app, Mail) == []


def test_canvas_mails_its_link_once_even_if_its_answer_is_lost(office, canvas):
    policy(office, way_in="canvas_mail")
    lose_the_answer(canvas)
    office.register(office.course("ART", "art"), "nora")
    office.settle()
    assert canvas.who_is_in("art") == {"nora@example.org"}
    assert (state_of(canvas, "nora@example.org"), mails_of(canvas)) == ("pre_registered", 1)
    assert ways_in(office) == ["canvas_mail"]


@pytest.mark.parametrize("way_in", ["our_mail", "canvas_mail"])
def test_a_person_who_has_a_canvas_user_gets_no_link(by_mail, canvas, way_in):
    policy(by_mail, way_in=way_in)
    by_mail.register(by_mail.course("ART", "art"), "kim")
    by_mail.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert (mails_of(canvas), all_of(by_mail.app, Mail)) == (0, [])


def test_the_login_is_bound_to_the_chosen_single_sign_on_and_nobody_is_mailed(by_mail, canvas):
    policy(by_mail, way_in="sso")
    connection_of(by_mail).sign_in_id = 12
    by_mail.session.commit()
    by_mail.register(by_mail.course("ART", "art"), "nora")
    by_mail.deliver()
    user = canvas.admin.get(f"{canvas.api}/users/sis_login_id:nora@example.org", timeout=10).json()
    [login] = canvas.admin.get(f"{canvas.api}/users/{user['id']}/logins", timeout=10).json()
    assert login["authentication_provider_id"] == 12
    assert (state_of(canvas, "nora@example.org"), mails_of(canvas)) == ("registered", 0)
    assert (ways_in(by_mail), all_of(by_mail.app, Mail)) == (["sso"], [])


def test_our_mail_waits_sealed_and_nobody_else_mails(by_mail, canvas, caplog):
    by_mail.register(by_mail.course("ART", "art"), "nora")
    by_mail.deliver()
    [waiting] = all_of(by_mail.app, Mail)
    assert (waiting.kind, waiting.email, mails_of(canvas)) == ("way_in", "nora@example.org", 0)
    link = waiting.link.open(by_mail.canvases.keys)
    assert link.startswith(f"{canvas.url}/register/")
    assert link.encode() not in waiting.link.ciphertext
    assert link not in repr(waiting.link)
    assert "/register/" not in caplog.text
    assert ways_in(by_mail) == ["our_mail"]
    # A rotation of the keys takes the link along.
    code, said = rotated(by_mail.app)
    assert (code, "1 link in a mail" in said) == (0, True)
    # What comes later, comes without a second mail.
    by_mail.register(by_mail.course("BIO", "bio"), "nora")
    by_mail.settle()
    assert len(all_of(by_mail.app, Mail)) == 1


def test_canvas_mails_a_link_where_ours_was_lost(by_mail, canvas):
    lose_the_answer(canvas)
    by_mail.register(by_mail.course("ART", "art"), "nora")
    by_mail.settle()
    assert canvas.who_is_in("art") == {"nora@example.org"}
    assert (mails_of(canvas), all_of(by_mail.app, Mail)) == (1, [])
    assert ways_in(by_mail) == ["canvas_mail"]


def test_a_canvas_that_can_t_mail_is_asked_once_and_forgot_password_is_left(by_mail, canvas):
    lost = {"match": "POST /accounts/", "times": 1, "fault": "reset", "when": "after"}
    canvas.faults(lost, {"match": "POST /users/reset_password", "fault": "status", "status": 404})
    by_mail.register(by_mail.course("ART", "art"), "nora")
    canvas.calls()
    calls = [call for _ in range(4) for call in (by_mail.deliver(), by_mail.later(minutes=20))[0]]
    assert canvas.who_is_in("art") == {"nora@example.org"}
    assert calls.count("POST /users/reset_password") == 1
    assert (mails_of(canvas), all_of(by_mail.app, Mail)) == (0, [])
    assert ways_in(by_mail) == ["untold"]


def test_a_late_answer_sends_no_second_mail(by_mail, canvas, monkeypatch):
    """Meanwhile another worker has found the user, and Canvas has mailed them."""

    def found_by_another() -> None:
        by_mail.session.execute(update(Match).values(way_in="canvas_mail"))
        by_mail.session.commit()

    during_the_first_call(by_mail, monkeypatch, found_by_another, "create_user")
    by_mail.register(by_mail.course("ART", "art"), "nora")
    by_mail.settle(2)
    assert canvas.who_is_in("art") == {"nora@example.org"}
    assert all_of(by_mail.app, Mail) == []


def test_a_person_whom_an_import_brings_in_gets_no_link_unless_it_is_ticked(by_mail, canvas):
    art = by_mail.course("ART", "art")
    by_mail.register(art, "nora")
    by_mail.register(art, "olga")
    nora, _ = all_of(by_mail.app, Registration)
    by_mail.session.execute(update(Registration).where(Registration.id == nora.id).values(notify=False))
    by_mail.session.commit()
    by_mail.deliver()
    assert canvas.who_is_in("art") == {"nora@example.org", "olga@example.org"}
    assert [one.email for one in all_of(by_mail.app, Mail)] == ["olga@example.org"]
    assert (state_of(canvas, "nora@example.org"), mails_of(canvas)) == ("registered", 0)
    assert sorted(map(str, ways_in(by_mail))) == ["our_mail", "untold"]


def test_canvas_notifies_nobody_whom_an_import_brings_in(office, canvas):
    policy(office, canvas_mail=True)
    office.register(office.course("ART", "art"), "kim")
    office.session.execute(update(Registration).values(notify=False))
    office.session.commit()
    office.deliver()
    assert (canvas.who_is_in("art"), mails_of(canvas)) == ({"kim@example.org"}, 0)
