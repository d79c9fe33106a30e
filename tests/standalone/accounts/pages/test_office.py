"""What administrators do to the sign-ins of others: another email, the role, and never the last administrator's end."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest

from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.standalone.accounts import accounts, links
from ascriptica_plugin.standalone.accounts.tables import Account, OneTimeLink
from ascriptica_plugin.tables.office import LogEntry, Participant
from ascriptica_plugin.worker import rounds

from ....office_at_work import PASSWORD
from ....pages import all_of, words
from ..visitors import ANOTHER, administrators, corrected, go_on, has_account, page_of, session_of, signed_in

pytestmark = pytest.mark.usefixtures("wait")


# -- another email ----------------------------------------------------------------------------------------------------


def test_another_email_ends_sessions_and_links(app, copied):
    bea = signed_in(app, "bea@example.org")
    session = session_of(app)
    account = accounts.account_with(session, "bea@example.org")
    links.make_link(session, clock.utc_now(), pauses.LINK_LASTS, to=account)
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


def test_the_former_email_gets_a_mail_even_if_it_changes_twice_before_mails_are_sent(mailing, inbox):
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


# -- the administrator's role -----------------------------------------------------------------------------------------


def test_the_role_is_given_and_taken_by_a_button(app, copied):
    bea = signed_in(app, "bea@example.org")
    page = page_of(app, "bea@example.org")
    number = accounts.account_with(session_of(app), "bea@example.org").id
    assert "Make them an administrator" in words(copied.get(page))
    answer = go_on(copied, copied.post(f"/tools/accounts/{number}/make-administrator"))
    assert "Bea is an administrator now, and is signed out everywhere." in words(answer)
    assert "Let them know yourself" in words(answer)
    assert administrators(app) == ["alex@example.org", "bea@example.org"]
    assert not bea.is_signed_in()
    bea.sign_in("bea@example.org")
    assert bea.get("/tools/courses").status_code == 200

    assert "Remove the administrator's role" in unescape(words(copied.get(page)))
    answer = copied.post(f"/tools/accounts/{number}/make-participant", follow_redirects=True)
    assert "Bea is no longer an administrator" in words(answer)
    assert administrators(app) == ["alex@example.org"]
    assert not bea.is_signed_in()
    bea.sign_in("bea@example.org")
    assert bea.get("/tools/courses").status_code == 403
    changes = [(entry.who, entry.what, entry.words) for entry in all_of(app, LogEntry) if "role" in entry.what]
    assert changes == [
        ("alex@example.org", "gave the administrator's role", "The sign-in of bea@example.org."),
        ("alex@example.org", "took the administrator's role", "The sign-in of bea@example.org."),
    ]
    log = unescape(words(copied.get("/tools/log")))
    assert "gave Bea the administrator's role" in log
    assert "removed the administrator's role from Bea" in log
    again = copied.post(f"/tools/accounts/{number}/make-participant", follow_redirects=True)
    assert "Bea is not an administrator." in words(again)


def test_nobody_changes_their_own_role_or_that_of_an_unknown_person(app):
    alex = signed_in(app, "alex@example.org", admin=True)
    number = accounts.account_with(session_of(app), "alex@example.org").id
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


def test_a_person_whose_role_changes_gets_a_mail(mailing, inbox):
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
def test_two_administrators_who_remove_each_other_at_once_leave_one(app, how):
    """Each sees that the other one is still an administrator."""

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
    """On the page: the person who asks is an administrator when the request comes in, and none when it is done."""
    alex = signed_in(app, "alex@example.org", admin=True)
    has_account(app, "bea@example.org", admin=True)
    page = page_of(app, "bea@example.org")
    session = session_of(app)
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
