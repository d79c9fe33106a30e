"""What a copied session, a stranger at a browser that is signed in, or a haste of two can do to sign-ins: nothing."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from ascriptica_plugin import clock
from ascriptica_plugin.standalone.accounts import accounts, links, sessions
from ascriptica_plugin.standalone.accounts.tables import Account, OneTimeLink
from ascriptica_plugin.tables.office import LogEntry, Mail, Participant
from ascriptica_plugin.worker import rounds

from ...office_at_work import PASSWORD
from ...pages import all_of, everything, rules_of, words
from .visitors import ANOTHER, Owner, Visitor, has_account, page_of, visitor

pytestmark = pytest.mark.usefixtures("wait")


def signed_in(app: Flask, email: str, *, admin: bool = False) -> Owner:
    has_account(app, email, admin=admin)
    browser = Owner(app, app.response_class, use_cookies=True)
    browser.sign_in(email)
    return browser


@pytest.fixture
def copied(app, wait) -> Owner:
    """Alex's browser, an administrator's; who has it does not know the password, and signing in was a while ago."""
    alex = signed_in(app, "alex@example.org", admin=True)
    wait(minutes=11)
    return alex


def emails(app: Flask) -> list[str]:
    return sorted(one.email for one in all_of(app, Account))


def administrators(app: Flask) -> list[str]:
    return sorted(one.email for one in all_of(app, Account) if one.is_admin)


def asks_for_password(answer) -> bool:
    return answer.status_code in (403, 422) and "Confirm that it is you" in words(answer)


def go_on(browser: Visitor, page, password: str = PASSWORD, **more):
    """Send the form of the page that asks for the password, with all that is in it."""
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
    form = {unescape(name): unescape(value) for name, value in hidden if name != "csrf_token"}
    assert 'action="/my/confirmation"' in page.text
    form |= {"own-password": password} | more
    answer = browser.post("/my/confirmation", data=form)
    if answer.status_code == 307:
        # As browsers do; werkzeug's client would send an empty form.
        answer = browser.post(answer.location, data=form)
    return browser.get(answer.location) if answer.status_code == 302 else answer


def corrected(browser: Visitor, page: str, **fields):
    return browser.post(page, data={"name": "Bea", "email": "bea@example.org", "sis_user_id": ""} | fields)


# -- with a session alone ---------------------------------------------------------------------------------------------


def test_with_a_session_alone_nobody_becomes_another_administrator(app, copied):
    """As it was done: Bea's email is changed, and a new password asked for by mail."""
    has_account(app, "bea@example.org", admin=True)
    page, number = page_of(app, "bea@example.org"), accounts.account_with(_session(app), "bea@example.org").id
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


def _session(app: Flask):
    return app.extensions["sqlalchemy"].session


def test_every_button_for_somebody_s_sign_in_asks(app, copied):
    """Also those that there may be one day."""
    session = _session(app)
    bea = has_account(app, "bea@example.org")
    accounts.sign_up(session, clock.utc_now(), "new@example.org", "New", "hash", by_mail=False)
    session.commit()
    of_sign_ins = [rule for rule in rules_of(app) if re.match("/tools/(accounts|sign-ups)/", rule.rule)]
    assert len(of_sign_ins) >= 6
    waiting = accounts.waiting(session)[0].id
    before = everything(app)
    for rule in of_sign_ins:
        where = rule.rule.replace("<int:account_id>", str(bea.id)).replace("<sign_up_id>", waiting)
        assert asks_for_password(copied.post(where)), rule
    assert everything(app) == before


def test_what_was_typed_is_kept_and_saved_with_the_password(app, copied, wait):
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
    number = accounts.account_with(_session(app), "bea.b@example.org").id
    assert copied.post(f"/tools/accounts/{number}/link").status_code == 200
    wait(seconds=1)
    assert asks_for_password(copied.post(f"/tools/accounts/{number}/link"))


def test_what_is_wrong_in_the_form_is_said_with_what_was_typed(app, copied):
    has_account(app, "bea@example.org")
    has_account(app, "lou@example.org")
    done = go_on(copied, corrected(copied, page_of(app, "bea@example.org"), name="Kept", email="lou@example.org"))
    assert done.status_code == 422
    assert "There is already a sign-in for lou@example.org." in words(done)
    assert 'value="Kept"' in done.text


def test_what_is_no_sign_in_is_corrected_without_asking(app, copied):
    session = _session(app)
    session.add(Participant(email="kim@example.org", name="Kim"))
    session.commit()
    kim = session.scalars(select(Participant.id).where(Participant.name == "Kim")).one()
    saved = copied.post(f"/tools/participants/{kim}", data={"name": "Kim", "email": "k@example.org", "sis_user_id": ""})
    assert saved.status_code == 302
    has_account(app, "bea@example.org")
    assert corrected(copied, page_of(app, "bea@example.org"), name="Beatrix").status_code == 302
    assert copied.post(f"/tools/participants/{kim}/erase", data={"name": "Kim", "end_access": "y"}).status_code == 302


def test_who_has_a_second_step_gives_the_code_too(app, wait):
    alex = signed_in(app, "alex@example.org", admin=True)
    alex.set_up()
    has_account(app, "bea@example.org")
    number = accounts.account_with(_session(app), "bea@example.org").id
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
    link = f"/tools/accounts/{accounts.account_with(_session(app), 'bea@example.org').id}/link"
    session = _session(app)
    alex = accounts.account_with(session, "alex@example.org")
    token = sessions.begin_session(session, alex, clock.utc_now() - timedelta(minutes=11))
    session.commit()
    thief = visitor(app)
    with thief.session_transaction() as cookie:
        cookie.update(_user_id=token, _fresh=True)
    go_on(copied, copied.post(link))
    assert copied.post(link).status_code == 200
    assert asks_for_password(thief.post(link))


def test_the_page_leads_to_no_other_site(app, copied):
    for to in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = copied.post("/my/confirmation", data={"own-to": to, "own-password": PASSWORD})
        assert (answer.status_code, answer.location) == (307, "/")


# -- another email ----------------------------------------------------------------------------------------------------


def test_another_email_ends_sessions_and_links(app, copied):
    bea = signed_in(app, "bea@example.org")
    session = _session(app)
    account = accounts.account_with(session, "bea@example.org")
    links.make_link(session, clock.utc_now(), links.LINK_LASTS, to=account)
    session.commit()
    page = page_of(app, "bea@example.org")
    saved = go_on(copied, corrected(copied, page, email="bea.b@example.org"))
    assert "Mails are not set up, so no mail about this went to bea@example.org" in words(saved)
    assert "sent no mail" in [entry.what for entry in all_of(app, LogEntry) if entry.who == "alex@example.org"]
    assert not bea.is_signed_in()
    assert all_of(app, OneTimeLink) == []
    assert bea.sign_in("bea@example.org").status_code == 422
    assert bea.sign_in("bea.b@example.org").status_code == 302
    # Another name, or other letters of the same email, end nothing.
    assert corrected(copied, page, name="Beatrix", email="BEA.B@example.org").status_code == 302
    assert bea.is_signed_in()


def test_the_email_until_now_gets_a_mail_though_it_is_changed_twice_before_one_goes_out(mailing, inbox):
    alex = signed_in(mailing, "alex@example.org", admin=True)
    bea = signed_in(mailing, "bea@example.org")
    bea.post("/my/password", data={"old_password": PASSWORD, "password": ANOTHER})
    page = page_of(mailing, "bea@example.org")
    for email in ("one@example.org", "two@example.org"):
        saved = alex.get(corrected(alex, page, email=email).location)
        assert "Mails are not set up" not in words(saved)
    rounds.send_mails(mailing)
    assert [(sent["To"], sent["Subject"]) for sent in inbox.mails] == [
        ("bea@example.org", "Your password was changed"),
        ("bea@example.org", "Your email address was changed"),
        ("one@example.org", "Your email address was changed"),
    ]
    assert "two@example.org" not in "".join(sent.as_string() for sent in inbox.mails)


# -- one's own email --------------------------------------------------------------------------------------------------


def asked_for(ann: Visitor, email: str = "ann.b@example.org", password: str = PASSWORD):
    return ann.post("/my/email", data={"email": email, "password": password}, follow_redirects=True)


def email_link(message) -> str:
    return re.search(r"http://register\.example\.org(/my/email/\S+)", message.get_content())[1]


def test_one_s_own_email_takes_the_password_and_the_new_address(mailing, inbox):
    ann, phone, lou = (signed_in(mailing, "ann@example.org"), visitor(mailing), signed_in(mailing, "lou@example.org"))
    phone.sign_in()
    page_of(mailing)
    assert asked_for(ann, password=ANOTHER).status_code == 422
    assert all_of(mailing, Mail) == [], "a session alone sends nothing"
    assert "That is your email already." in words(asked_for(ann, "ANN@example.org"))
    assert "We have sent a link to Ann.B@example.org" in words(asked_for(ann, "Ann.B@example.org"))
    rounds.send_mails(mailing)
    assert [(sent["To"], sent["Subject"]) for sent in inbox.mails] == [
        ("ann.b@example.org", "Confirm your new email address"),
        ("ann@example.org", "Somebody asked to change your email address"),
    ]
    assert emails(mailing) == ["ann@example.org", "lou@example.org"], "nothing has changed yet"
    link = email_link(inbox.mails[0])
    token = link.rpartition("/")[2]

    # It is nobody else's, and no link for a new password.
    stranger = visitor(mailing)
    assert stranger.get(link).location == f"/sign-in?next={link}"
    assert (lou.get(link).status_code, lou.post(link).status_code) == (410, 410)
    assert stranger.post(f"/links/{token}", data={"password": ANOTHER}).status_code == 410
    seen = ann.get(link)
    assert "You will sign in as ann.b@example.org" in words(seen)
    assert seen.headers["Referrer-Policy"] == "strict-origin"
    assert emails(mailing) == ["ann@example.org", "lou@example.org"]

    assert "You now sign in as ann.b@example.org" in words(ann.post(link, follow_redirects=True))
    assert ann.is_signed_in()
    assert not phone.is_signed_in()
    assert emails(mailing) == ["ann.b@example.org", "lou@example.org"]
    assert [one.email for one in all_of(mailing, Participant) if one.name == "Ann"] == ["ann.b@example.org"]
    entry = all_of(mailing, LogEntry)[-1]
    assert (entry.who, entry.words) == ("ann@example.org", "email: ann@example.org → ann.b@example.org")
    assert ann.post(link).status_code == 410, "once"
    rounds.send_mails(mailing)
    assert (inbox.mails[2]["To"], inbox.mails[2]["Subject"]) == ("ann@example.org", "Your email address was changed")


@pytest.mark.parametrize("sent", [True, False])
def test_a_new_password_stops_a_change_of_the_email(mailing, inbox, sent):
    """The owner who reads that somebody asked for it has a way to end it, and a link that was not yet made too."""
    thief = signed_in(mailing, "ann@example.org")
    asked_for(thief, "thief@example.org")
    if sent:
        rounds.send_mails(mailing)
    session = _session(mailing)
    account = accounts.account_with(session, "ann@example.org")
    accounts.change_password(session, account, "new", clock.utc_now(), by_mail=True)
    session.commit()
    rounds.send_mails(mailing)
    assert all_of(mailing, OneTimeLink) == []
    assert ("thief@example.org" in [mail["To"] for mail in inbox.mails]) == sent
    assert "ann@example.org" in [mail["To"] for mail in inbox.mails]


def test_only_the_last_email_that_was_asked_for_counts_and_an_hour_at_most(mailing, inbox, wait):
    ann = signed_in(mailing, "ann@example.org")
    asked_for(ann, "one@example.org")
    rounds.send_mails(mailing)
    asked_for(ann, "two@example.org")
    rounds.send_mails(mailing)
    first, second = (email_link(sent) for sent in inbox.mails if "Confirm" in sent["Subject"])
    assert ann.get(first).status_code == 410
    assert ann.get(second).status_code == 200
    wait(hours=1)
    assert ann.post(second).status_code == 410
    assert emails(mailing) == ["ann@example.org"]


def test_asking_says_nothing_of_whose_an_email_is(mailing, inbox):
    ann = signed_in(mailing, "ann@example.org")
    has_account(mailing, "lou@example.org")
    free, taken = (words(asked_for(ann, email)) for email in ("one@example.org", "lou@example.org"))
    assert free.replace("one@", "lou@") == taken
    rounds.send_mails(mailing)
    to_lou = next(sent for sent in inbox.mails if sent["To"] == "lou@example.org")
    assert to_lou["Subject"] == "You already have a sign-in"
    assert "/my/email/" not in to_lou.get_content()


def test_a_sign_in_made_meanwhile_keeps_its_email(mailing, inbox):
    ann = signed_in(mailing, "ann@example.org")
    asked_for(ann, "one@example.org")
    rounds.send_mails(mailing)
    has_account(mailing, "one@example.org")
    assert ann.post(email_link(inbox.mails[0])).status_code == 410
    assert emails(mailing) == ["ann@example.org", "one@example.org"]
    assert ann.is_signed_in()


def test_nobody_is_flooded_with_links_for_a_new_email(mailing):
    ann = signed_in(mailing, "ann@example.org")
    for _ in range(3):
        assert asked_for(ann, "lou@example.org").status_code == 200
    assert asked_for(ann, "lou@example.org").status_code == 429


def test_without_mail_the_office_changes_the_email(app):
    ann = signed_in(app, "ann@example.org")
    assert "Ask the office to change it" in words(ann.get("/my/email"))
    assert "Ask the office to change it" in words(asked_for(ann))
    assert all_of(app, Mail) == []


def test_a_link_that_waits_is_not_for_who_gets_the_number_of_a_closed_account(mailing, inbox):
    ann = signed_in(mailing, "ann@example.org")
    asked_for(ann, "thief@example.org")
    session = _session(mailing)
    account = accounts.account_with(session, "ann@example.org")
    number = account.id
    accounts.close_account(session, account)
    session.commit()
    assert has_account(mailing, "lou@example.org").id == number
    rounds.send_mails(mailing)
    assert (inbox.mails, all_of(mailing, Mail), all_of(mailing, OneTimeLink)) == ([], [], [])


# -- the administrator's role -----------------------------------------------------------------------------------------


def test_the_role_is_given_and_taken_by_a_button(app, copied):
    bea = signed_in(app, "bea@example.org")
    page = page_of(app, "bea@example.org")
    number = accounts.account_with(_session(app), "bea@example.org").id
    assert "Make them an administrator" in words(copied.get(page))
    answer = go_on(copied, copied.post(f"/tools/accounts/{number}/make-administrator"))
    assert "Bea is an administrator now, and is signed out everywhere." in words(answer)
    assert "Let them know yourself" in words(answer)
    assert administrators(app) == ["alex@example.org", "bea@example.org"]
    assert not bea.is_signed_in()
    bea.sign_in("bea@example.org")
    assert bea.get("/tools/courses").status_code == 200

    assert "Take the administrator's role" in unescape(words(copied.get(page)))
    answer = copied.post(f"/tools/accounts/{number}/make-participant", follow_redirects=True)
    assert "Bea is no longer an administrator" in words(answer)
    assert administrators(app) == ["alex@example.org"]
    assert not bea.is_signed_in()
    bea.sign_in("bea@example.org")
    assert bea.get("/tools/courses").status_code == 403
    told = [(entry.who, entry.what, entry.words) for entry in all_of(app, LogEntry) if "role" in entry.what]
    assert told == [
        ("alex@example.org", "gave the administrator's role", "Of bea@example.org."),
        ("alex@example.org", "took the administrator's role", "Of bea@example.org."),
    ]
    again = copied.post(f"/tools/accounts/{number}/make-participant", follow_redirects=True)
    assert "Bea is not an administrator." in words(again)


def test_nobody_changes_their_own_role_or_that_of_nobody(app):
    alex = signed_in(app, "alex@example.org", admin=True)
    number = accounts.account_with(_session(app), "alex@example.org").id
    for what in ("make-participant", "make-administrator"):
        for whose in (number, 99, 2**31, 2**70):
            assert alex.post(f"/tools/accounts/{whose}/{what}").status_code == 404
    assert administrators(app) == ["alex@example.org"]
    kim = signed_in(app, "kim@example.org")
    assert kim.post(f"/tools/accounts/{number}/make-participant").status_code == 403


def test_the_operator_gives_and_takes_the_role(app):
    bea = signed_in(app, "bea@example.org")
    runner = app.test_cli_runner()

    def set_role(*args: str):
        return runner.invoke(args=["ascriptica", "set-role", *args])

    assert "There is no sign-in" in set_role("lou@example.org", "administrator").output
    assert set_role("bea@example.org", "king").exit_code == 2
    assert set_role("BEA@example.org", "administrator").output == "BEA@example.org is an administrator.\n"
    assert not bea.is_signed_in()
    assert set_role("bea@example.org", "administrator").output == "bea@example.org is an administrator already.\n"
    refused = set_role("bea@example.org", "participant")
    assert (refused.exit_code, "This is the last administrator." in refused.output) == (1, True)
    has_account(app, "alex@example.org", admin=True)
    assert set_role("bea@example.org", "participant").exit_code == 0
    assert administrators(app) == ["alex@example.org"]
    whose = [(entry.who, entry.what) for entry in all_of(app, LogEntry) if "role" in entry.what]
    assert whose == [
        ("the set-role command", "gave the administrator's role"),
        ("the set-role command", "took the administrator's role"),
    ]
    assert "The last administrator keeps it." in " ".join(set_role("--help").output.split())


def test_whose_role_changes_gets_a_mail(mailing, inbox):
    alex = signed_in(mailing, "alex@example.org", admin=True)
    bea = has_account(mailing, "bea@example.org")
    page_of(mailing, "bea@example.org")
    for what in ("make-administrator", "make-participant"):
        assert "let them know" not in words(alex.post(f"/tools/accounts/{bea.id}/{what}", follow_redirects=True))
    rounds.send_mails(mailing)
    assert [(sent["To"], sent["Subject"]) for sent in inbox.mails] == [
        ("bea@example.org", "You are an administrator now"),
        ("bea@example.org", "You are no longer an administrator"),
    ]


@pytest.mark.parametrize("how", ["taking the role", "erasing", "one of each"])
def test_two_who_end_each_other_at_once_leave_one(app, how):
    """Each sees the other, who is still an administrator then."""

    def take(session, number: int) -> None:
        accounts.set_role(session, number, False, clock.utc_now(), "somebody", by_mail=False)

    def close(session, number: int) -> None:
        if account := session.get(Account, number):
            accounts.close_account(session, account)

    ways = {"taking the role": (take, take), "erasing": (close, close), "one of each": (take, close)}[how]
    numbers = [has_account(app, f"{name}@example.org", admin=True).id for name in ("alex", "bea")]
    begin = threading.Barrier(2)

    def end(way: Callable, number: int) -> bool:
        with app.app_context():
            session = app.extensions["sqlalchemy"].session
            begin.wait()
            try:
                way(session, number)
                session.commit()
            except ValueError:
                session.rollback()
                return False
            finally:
                session.remove()
            return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(end, ways, numbers)) == [False, True]
    assert len(administrators(app)) == 1


def test_the_last_administrator_is_not_erased(app, wait):
    """By way of the page: whoever asks was one when the request came in, and is none when it is carried out."""
    alex = signed_in(app, "alex@example.org", admin=True)
    has_account(app, "bea@example.org", admin=True)
    page = page_of(app, "bea@example.org")
    session = _session(app)
    plugin = app.extensions["ascriptica"]
    forget, lost = plugin.forget_person, []

    def forget_late(key: str) -> None:
        account = accounts.account_with(session, "alex@example.org")
        account.is_admin = False
        session.flush()
        lost.append(key)
        forget(key)

    plugin.forget_person = forget_late
    refused = alex.post(f"{page}/erase", data={"name": "Bea", "end_access": "y"})
    assert (refused.status_code, len(lost)) == (422, 1)
    assert "This is the last administrator." in words(refused)
    assert administrators(app) == ["alex@example.org", "bea@example.org"]
    assert all(one.erase_at is None for one in all_of(app, Participant))
