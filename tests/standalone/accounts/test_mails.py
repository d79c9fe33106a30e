"""Mails about sign-ins."""

from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import update

from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts
from ascriptica_plugin.standalone.accounts.tables import OneTimeLink
from ascriptica_plugin.tables.columns import change
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Participant
from ascriptica_plugin.worker import rounds

from ...office_at_work import PASSWORD
from ...pages import all_of, words
from .visitors import ANOTHER, corrected, has_account, link_in, page_of, session_of, signed_in, visitor


def test_the_link_comes_by_mail_and_never_from_the_host_header(mailing, inbox):
    ann = visitor(mailing)
    name = "Win at http://evil.example"
    assert ann.post("/sign-up", headers={"Host": "evil.example"}, data={"email": "x"}).status_code == 400
    assert "We have sent you a mail" in words(ann.sign_up(name=name))
    assert inbox.mails == [], "no request waits for a mail server"
    rounds.send_mails(mailing)
    rounds.send_mails(mailing)
    [sent] = inbox.mails
    assert (sent["To"], sent["From"]) == ("ann@example.org", "Course office <office@example.org>")
    assert "evil" not in sent.as_string(), "nothing that a stranger typed"
    ann.post(link_in(sent), data={"password": PASSWORD})
    assert ann.is_signed_in()
    assert all_of(mailing, Mail) == []

    assert "We have sent you a mail" in words(ann.sign_up(password=ANOTHER))
    rounds.send_mails(mailing)
    assert "already has a sign-in" in inbox.mails[1].get_content()
    assert visitor(mailing).post(link_in(inbox.mails[1]), data={"password": ANOTHER}).status_code == 302
    rounds.send_mails(mailing)
    assert inbox.mails[2]["Subject"] == "Your password was changed"


def test_a_forgotten_password_is_replaced_by_a_mailed_link(mailing, inbox):
    has_account(mailing)
    ann = visitor(mailing)
    known, unknown = (
        ann.post("/forgotten-password", data={"email": email}, follow_redirects=True)
        for email in ("Ann@Example.org", "nobody@example.org")
    )
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert ann.post("/forgotten-password", data={"email": "ann"}).status_code == 422
    waiting = [(one.kind, one.email) for one in all_of(mailing, Mail)]
    assert waiting == [("password", "ann@example.org"), ("password", "nobody@example.org")], "both take as long"
    rounds.send_mails(mailing)
    [sent] = inbox.mails
    assert all_of(mailing, Mail) == []
    link = link_in(sent)
    assert all_of(mailing, OneTimeLink)[0].ends_at <= clock.utc_now() + timedelta(hours=1)
    assert ann.post(link, data={"password": ANOTHER}).status_code == 302
    assert ann.is_signed_in()
    assert ann.get(link).status_code == 410
    for _ in range(2):
        ann.post("/forgotten-password", data={"email": "ann@example.org"})
    assert ann.post("/forgotten-password", data={"email": "ann@example.org"}).status_code == 429


@pytest.mark.parametrize("ask", ["/forgotten-password", "/sign-up"])
@pytest.mark.parametrize(
    ("wanted", "lands_on"), [("/courses/ART", "/courses/ART"), ("https://evil.example", "/"), ("//evil.example", "/")]
)
def test_a_new_password_by_mail_leads_back_to_the_course(mailing, inbox, ask, wanted, lands_on):
    """It does so in the same browser, also for somebody who signs up and forgot that they have a sign-in."""
    has_account(mailing)
    ann, form = visitor(mailing), {"name": "Ann", "email": "ann@example.org", "password": "typed and not needed"}
    assert ann.post(ask, query_string={"next": wanted}, data=form).status_code == 302
    rounds.send_mails(mailing)
    assert ann.post(link_in(inbox.mails[0]), data={"password": ANOTHER}).location == lands_on
    assert ann.is_signed_in()
    with ann.session_transaction() as cookie:
        assert "wanted" not in cookie


def test_an_address_that_can_t_be_mailed_holds_up_nobody_else_s_mail(mailing, inbox, caplog):
    """Mail programs decode the first two, to a line break and to another address; this server refuses the third."""
    inbox.controller.stop()
    inbox.controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port, enable_SMTPUTF8=False)
    inbox.controller.start()
    ann = visitor(mailing)
    for email in ("=?utf-8?q?eve=0a?=@example.org", "=?utf-8?q?kim?=@example.org"):
        assert "not an email address" in words(ann.sign_up(email))
    ann.sign_up("\u00fc@example.org")
    ann.sign_up("ann@example.org")
    rounds.send_mails(mailing)
    assert [sent["To"] for sent in inbox.mails] == ["ann@example.org"]
    assert "refuses the recipient" in caplog.text
    assert all_of(mailing, Mail) == []


OFFICE_DID = (
    "You are an administrator now",
    "You are no longer an administrator",
    "Your sign-in no longer takes a code",
    "Your email address was changed",
)
AUF_DEUTSCH = (
    "Sie sind jetzt Administrator",
    "Sie sind nicht mehr Administrator",
    "Zum Einloggen brauchen Sie keinen Code mehr",
    "Ihre E-Mail-Adresse wurde geändert",
)


@pytest.mark.parametrize(("own", "subjects"), [("de", AUF_DEUTSCH), ("en", OFFICE_DID), (None, OFFICE_DID)])
def test_mails_about_changes_to_a_sign_in_are_in_its_owner_s_language(mailing, inbox, own, subjects):
    """It is never the office's; it is the site's where the owner's is not known."""
    ann, boss = (signed_in(mailing, f"{who}@example.org", admin=who == "boss") for who in ("ann", "boss"))
    page, number = page_of(mailing), accounts.account_with(session_of(mailing), "ann@example.org").id
    change(session_of(mailing), update(Participant).where(Participant.name == "Ann").values(language=own))
    session_of(mailing).commit()
    ann.set_up()
    boss.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fr" if own == "de" else "de"
    for button in ("make-administrator", "make-participant", "remove-second-step"):
        boss.post(f"/tools/accounts/{number}/{button}")
    corrected(boss, page, name="Ann", email="new@example.org")
    rounds.send_mails(mailing)
    assert [sent["Subject"] for sent in inbox.mails] == ["Your sign-in now takes a code", *subjects]


@pytest.mark.parametrize("languages", [{"ASCRIPTICA_LANGUAGE": "de"}])
def test_a_mail_that_a_command_queues_is_in_the_site_s_language(mailing, inbox):
    has_account(mailing)
    command = ["ascriptica", "set-role", "ann@example.org", "administrator"]
    assert mailing.test_cli_runner().invoke(args=command).output == "ann@example.org is an administrator.\n"
    rounds.send_mails(mailing)
    assert inbox.mails[0]["Subject"] == "Sie sind jetzt Administrator"
    # A person who asks on a page is answered in the page's language.
    visitor(mailing).post("/forgotten-password", data={"email": "ann@example.org"}, headers={"Accept-Language": "en"})
    rounds.send_mails(mailing)
    assert inbox.mails[1]["Subject"] == "Choose a new password"
