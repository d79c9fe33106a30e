"""A copied session, or a browser that is signed in, changes nothing of a sign-in without the password."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts, sessions, sign_ups
from ascriptica_plugin.standalone.accounts.tables import OneTimeLink
from ascriptica_plugin.tables.office import Participant

from ....office_at_work import PASSWORD
from ....pages import all_of, everything, rules_of, words
from ..visitors import (
    ANOTHER,
    asks_for_password,
    corrected,
    emails,
    go_on,
    has_account,
    page_of,
    session_of,
    signed_in,
    visitor,
)

pytestmark = pytest.mark.usefixtures("wait")


def test_a_session_without_the_password_makes_nobody_an_administrator(app, copied):
    """The attack: Bea's email is changed, then a new password is asked for by mail."""
    has_account(app, "bea@example.org", admin=True)
    page, number = page_of(app, "bea@example.org"), accounts.account_with(session_of(app), "bea@example.org").id
    before = everything(app)
    assert asks_for_password(corrected(copied, page, email="thief@example.org"))
    for what in ("link", "remove-second-step", "end-sessions", "make-participant", "make-administrator"):
        assert asks_for_password(copied.post(f"/tools/accounts/{number}/{what}")), what
    assert asks_for_password(copied.post(f"{page}/erase", data={"name": "Bea", "end_access": "y"}))
    assert everything(app) == before

    page = corrected(copied, page, email="thief@example.org")
    for _ in range(10):
        answer = go_on(copied, page, ANOTHER)
        assert asks_for_password(answer)
        assert "That is not your password." in words(answer)
    assert go_on(copied, page).status_code == 429, "not even the right one"
    assert emails(app) == ["alex@example.org", "bea@example.org"]


def test_every_button_for_somebody_s_sign_in_asks_for_the_password(app, copied):
    """This includes buttons that may be added one day."""
    session = session_of(app)
    bea = has_account(app, "bea@example.org")
    sign_ups.sign_up(session, clock.utc_now(), "new@example.org", "New", "hash", by_mail=False)
    session.commit()
    of_sign_ins = [rule for rule in rules_of(app) if re.match("/tools/(accounts|sign-ups)/", rule.rule)]
    assert len(of_sign_ins) >= 6
    waiting = sign_ups.waiting(session)[0].id
    before = everything(app)
    for rule in of_sign_ins:
        where = rule.rule.replace("<int:account_id>", str(bea.id)).replace("<sign_up_id>", waiting)
        assert asks_for_password(copied.post(where)), rule
    assert everything(app) == before


def test_the_typed_form_is_kept_while_the_password_is_asked_for_and_then_saved(app, copied, wait):
    has_account(app, "bea@example.org")
    page = page_of(app, "bea@example.org")
    typed = {"name": 'Bea "B" <b> & Söhne', "email": "bea.b@example.org", "sis_user_id": "B-1"}
    asked = corrected(copied, page, **typed)
    wrong = go_on(copied, asked, ANOTHER)
    assert "<b>" not in wrong.text
    done = go_on(copied, wrong)
    assert 'Bea "B" <b> & Söhne is saved.' in unescape(words(done))
    [bea] = [one for one in all_of(app, Participant) if one.sis_user_id == "B-1"]
    assert {"name": bea.name, "email": bea.email, "sis_user_id": bea.sis_user_id} == typed
    assert "bea.b@example.org" in emails(app)

    # For ten minutes nothing asks again, here and nowhere else.
    wait(minutes=9, seconds=59)
    number = accounts.account_with(session_of(app), "bea.b@example.org").id
    assert copied.post(f"/tools/accounts/{number}/link").status_code == 200
    wait(seconds=1)
    assert asks_for_password(copied.post(f"/tools/accounts/{number}/link"))


def test_a_mistake_in_the_form_is_shown_with_what_was_typed(app, copied):
    has_account(app, "bea@example.org")
    has_account(app, "lou@example.org")
    done = go_on(copied, corrected(copied, page_of(app, "bea@example.org"), name="Kept", email="lou@example.org"))
    assert done.status_code == 422
    assert "There is already a sign-in for lou@example.org." in words(done)
    assert 'value="Kept"' in done.text


def test_a_correction_that_touches_no_sign_in_asks_for_no_password(app, copied):
    session = session_of(app)
    session.add(Participant(email="kim@example.org", name="Kim"))
    session.commit()
    kim = session.scalars(select(Participant.id).where(Participant.name == "Kim")).one()
    saved = copied.post(f"/tools/participants/{kim}", data={"name": "Kim", "email": "k@example.org", "sis_user_id": ""})
    assert saved.status_code == 302
    has_account(app, "bea@example.org")
    assert corrected(copied, page_of(app, "bea@example.org"), name="Beatrix").status_code == 302
    assert copied.post(f"/tools/participants/{kim}/erase", data={"name": "Kim", "end_access": "y"}).status_code == 302


def test_a_person_who_has_a_second_step_gives_the_code_too(app, wait):
    alex = signed_in(app, "alex@example.org", admin=True)
    alex.set_up()
    has_account(app, "bea@example.org")
    number = accounts.account_with(session_of(app), "bea@example.org").id
    wait(minutes=11)
    link = f"/tools/accounts/{number}/link"
    asked = alex.post(link)
    assert asks_for_password(go_on(alex, asked))
    assert "That code is wrong" in words(go_on(alex, asked, **{"own-code": alex.wrong()}))
    assert asks_for_password(go_on(alex, asked, ANOTHER, **{"own-code": alex.code()}))
    assert all_of(app, OneTimeLink) == []
    assert "shown only once" in words(go_on(alex, asked, **{"own-code": alex.code()}))
    assert len(all_of(app, OneTimeLink)) == 1
    wait(minutes=11)
    for _ in range(11):
        answer = go_on(alex, asked, **{"own-code": alex.wrong()})
    assert answer.status_code == 429


def test_the_password_counts_for_the_session_where_it_was_given(app, copied):
    has_account(app, "bea@example.org")
    link = f"/tools/accounts/{accounts.account_with(session_of(app), 'bea@example.org').id}/link"
    session = session_of(app)
    alex = accounts.account_with(session, "alex@example.org")
    token = sessions.begin_session(session, alex, clock.utc_now() - timedelta(minutes=11))
    session.commit()
    thief = visitor(app)
    with thief.session_transaction() as cookie:
        cookie.update(_user_id=token, _fresh=True)
    go_on(copied, copied.post(link))
    assert copied.post(link).status_code == 200
    assert asks_for_password(thief.post(link))


def test_the_password_page_leads_to_no_other_site(app, copied):
    for to in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = copied.post("/my/confirmation", data={"own-to": to, "own-password": PASSWORD})
        assert (answer.status_code, answer.location) == (307, "/")
