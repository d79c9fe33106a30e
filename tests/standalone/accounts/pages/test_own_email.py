"""One's own email: changed with the password, by a link to the new address."""

import re

import pytest

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts
from ascriptica_plugin.standalone.accounts.tables import OneTimeLink
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import LogEntry, Participant
from ascriptica_plugin.worker import rounds

from ....office_at_work import PASSWORD
from ....pages import all_of, words
from ..visitors import ANOTHER, Visitor, emails, has_account, page_of, session_of, signed_in, visitor

pytestmark = pytest.mark.usefixtures("wait")


def asked_for(ann: Visitor, email: str = "ann.b@example.org", password: str = PASSWORD):
    return ann.post("/my/email", data={"email": email, "password": password}, follow_redirects=True)


def email_link(message) -> str:
    return re.search(r"http://register\.example\.org(/my/email/\S+)", message.get_content())[1]


def test_changing_one_s_own_email_takes_the_password_and_a_link_to_the_new_address(mailing, inbox):
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
    """An owner who reads that somebody asked for a change can end it so, also if its link was not made yet."""
    thief = signed_in(mailing, "ann@example.org")
    asked_for(thief, "thief@example.org")
    if sent:
        rounds.send_mails(mailing)
    session = session_of(mailing)
    account = accounts.account_with(session, "ann@example.org")
    accounts.change_password(session, account, "new", clock.utc_now(), by_mail=True)
    session.commit()
    rounds.send_mails(mailing)
    assert all_of(mailing, OneTimeLink) == []
    assert ("thief@example.org" in [mail["To"] for mail in inbox.mails]) == sent
    assert "ann@example.org" in [mail["To"] for mail in inbox.mails]


def test_only_the_last_requested_email_counts_and_its_link_lasts_an_hour(mailing, inbox, wait):
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


def test_asking_for_an_email_does_not_show_whether_it_is_taken(mailing, inbox):
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


def test_the_office_changes_a_person_s_email_where_no_mail_is_set_up(app):
    ann = signed_in(app, "ann@example.org")
    assert "Ask the office to change it" in words(ann.get("/my/email"))
    assert "Ask the office to change it" in words(asked_for(ann))
    assert all_of(app, Mail) == []


def test_a_link_of_a_closed_account_does_not_serve_the_next_account_with_its_number(mailing, inbox):
    ann = signed_in(mailing, "ann@example.org")
    asked_for(ann, "thief@example.org")
    session = session_of(mailing)
    account = accounts.account_with(session, "ann@example.org")
    number = account.id
    accounts.close_account(session, account)
    session.commit()
    assert has_account(mailing, "lou@example.org").id == number
    rounds.send_mails(mailing)
    assert (inbox.mails, all_of(mailing, Mail), all_of(mailing, OneTimeLink)) == ([], [], [])
