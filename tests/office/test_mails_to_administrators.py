"""Mails to administrators: each thing once, and what waits at most once an hour."""

from datetime import UTC, timedelta

import pytest
from sqlalchemy import update

from ascriptica_plugin import mail
from ascriptica_plugin.ledger import blocked
from ascriptica_plugin.office import erasing, mails_to_administrators
from ascriptica_plugin.shared.formats import moment
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Association
from ascriptica_plugin.worker import rounds

from ..office_at_work import Office, connection_of, policy
from ..pages import all_of, words
from .erasing import leave_for_another_canvas

ADDRESSES = "boss@example.org,desk@example.org"


@pytest.fixture
def watched(office) -> Office:
    policy(office, admin_mails=ADDRESSES)
    return office


def kinds(office: Office) -> list[str]:
    """The kinds of the mails that were queued since the last look, for each of the two addresses."""
    mails_to_administrators.look(office.session, office.now)
    waiting = all_of(office.app, Mail)
    found = [one.kind for one in waiting if one.email == "boss@example.org"]
    assert [one.kind for one in waiting if one.email == "desk@example.org"] == found
    for one in waiting:
        office.session.delete(one)
    office.session.commit()
    return found


def hold(office: Office, cause: str | None) -> None:
    connection = connection_of(office)
    connection.hold_cause, connection.hold_since_at = cause, office.now if cause else None
    office.session.commit()


def waits(office: Office, who: str, cause: str | None, scope: str = "") -> None:
    seat = next(one for one in office.seats() if one.participant.email == f"{who}@example.org")
    values = {"held": cause is not None, "cause": cause, "cause_scope": scope, "version": Seat.version + 1}
    office.session.execute(update(Seat).where(Seat.id == seat.id).values(**values))
    office.session.commit()


def test_one_mail_reports_a_dead_token_and_another_that_it_works_again(watched):
    assert kinds(watched) == []
    hold(watched, "token_dead")
    assert kinds(watched) == ["token_dead"]
    watched.later(hours=5)
    assert kinds(watched) == []
    hold(watched, None)
    assert kinds(watched) == ["well_again"]
    watched.later(hours=5)
    assert kinds(watched) == []
    hold(watched, "token_dead")
    assert kinds(watched) == ["token_dead"]


def test_no_further_mail_is_sent_while_the_token_stays_dead(watched):
    art = watched.course("ART", "art")
    for who in ("kim", "lou"):
        watched.register(art, who)
    waits(watched, "kim", "token_dead")
    waits(watched, "lou", "who_is_it", "2")
    hold(watched, "token_dead")
    assert kinds(watched) == ["token_dead"]
    for _ in range(3):
        watched.later(hours=2)
        assert kinds(watched) == []
    waits(watched, "kim", None)
    hold(watched, None)
    assert kinds(watched) == ["well_again", "attention"]


def test_a_mail_about_canvas_being_away_is_sent_after_an_hour(watched):
    hold(watched, "canvas_down")
    watched.later(minutes=59)
    assert kinds(watched) == []
    hold(watched, None)
    assert kinds(watched) == []
    hold(watched, "canvas_down")
    watched.later(minutes=61)
    assert kinds(watched) == ["canvas_away"]
    hold(watched, None)
    assert kinds(watched) == ["well_again"]


def test_a_new_problem_is_mailed_at_once_and_further_ones_once_an_hour(watched):
    art = watched.course("ART", "art")
    for who in ("kim", "lou", "max"):
        watched.register(art, who)
    watched.deliver()
    waits(watched, "kim", "who_is_it", "1")
    assert kinds(watched) == ["attention"]
    waits(watched, "lou", "who_is_it", "2")
    watched.later(minutes=30)
    assert kinds(watched) == []
    watched.later(minutes=31)
    assert kinds(watched) == ["attention"]
    watched.later(hours=3)
    assert kinds(watched) == []
    waits(watched, "lou", None)
    watched.deliver()
    assert kinds(watched) == []
    waits(watched, "lou", "who_is_it", "2")
    assert kinds(watched) == ["attention"]
    waits(watched, "max", "canvas_restored")
    watched.later(hours=3)
    assert kinds(watched) == []


def test_the_token_s_end_is_mailed_three_times(watched):
    connection = connection_of(watched)
    connection.token_expires_at = watched.now + timedelta(days=15)
    watched.session.commit()
    mailed = []
    for _ in range(16):
        mailed.append(kinds(watched))
        watched.later(days=1)
    assert [day for day, kinds in enumerate(mailed) if kinds] == [1, 8, 13]


def test_nothing_is_mailed_without_addresses_or_if_the_kind_is_switched_off(watched):
    policy(watched, mails_off="token_dead")
    hold(watched, "token_dead")
    assert kinds(watched) == []
    policy(watched, mails_off="", admin_mails="")
    hold(watched, "token_unreadable")
    assert kinds(watched) == []


def test_the_mails_name_what_is_wrong_and_link_to_where_it_is_put_right(mailing, inbox, canvas):
    office = Office(mailing, canvas)
    office.connect()
    policy(office, admin_mails="boss@example.org")
    art = office.course("ART", "art")
    for who in ("kim", "lou"):
        office.register(art, who)
    office.deliver()
    waits(office, "kim", "course_missing", "1")
    waits(office, "lou", "course_missing", "2")
    mails_to_administrators.look(office.session, office.now)
    hold(office, "token_dead")
    mails_to_administrators.look(office.session, office.now)
    connection_of(office).token_expires_at = office.now + timedelta(days=1)
    office.session.commit()
    mails_to_administrators.look(office.session, office.now)
    office.later(hours=1)
    hold(office, None)
    mails_to_administrators.look(office.session, office.now)
    mail.send_due(office.session, mailing.extensions["ascriptica"].mailer, lambda: office.now)
    read = {one["Subject"]: one.get_content() for one in inbox.mails}
    assert len(read) == 4
    # One line for each cause, however many courses it is about.
    digest = read["Something waits for you in Ascriptica"].splitlines()
    assert "* The Canvas course does not exist: 2 people" in digest
    assert "What to do about each: http://register.example.org/tools/" in digest
    assert "http://register.example.org/tools/settings/course-settings" in next(
        text for subject, text in read.items() if subject.endswith("Canvas no longer accepts the token")
    )
    assert any(subject.endswith("works again") for subject in read)
    assert any(subject.startswith("The token for") for subject in read)


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("token_dead", "Paste a new token into Course Settings."),
        ("key_refused", "Choose Approve in Canvas there."),
        ("token_unreadable", "paste the token again, or the developer key's client secret."),
    ],
)
def test_each_kind_of_dead_key_is_mailed_with_its_remedy(mailing, inbox, canvas, cause, remedy):
    office = Office(mailing, canvas)
    office.connect()
    policy(office, admin_mails="boss@example.org")
    hold(office, cause)
    mails_to_administrators.look(office.session, office.now)
    mail.send_due(office.session, mailing.extensions["ascriptica"].mailer, lambda: office.now)
    text = " ".join(inbox.mails[-1].get_content().split())
    assert f"{remedy} http://register.example.org/tools/settings/course-settings Everything that waits" in text
    assert ("token" in text) == (cause != "key_refused")


def test_the_digest_counts_each_person_once_a_cause_and_leaves_out_what_is_settled(mailing, inbox, canvas):
    office = Office(mailing, canvas)
    office.connect()
    policy(office, admin_mails="boss@example.org")
    for code in ("art", "bio"):
        office.register(office.course(code.upper(), code))
    office.deliver()
    office.session.execute(update(Seat).values(held=True, cause="course_missing", version=Seat.version + 1))
    for number, seat in enumerate(office.seats()):
        seat.cause_scope = str(number)
    office.session.commit()
    rounds.send_mails(mailing)
    assert "* The Canvas course does not exist: 1 person" in inbox.mails[-1].get_content()
    office.later(hours=2)
    waits(office, "kim", "who_is_it", "1")
    mails_to_administrators.look(office.session, office.now)
    office.session.execute(update(Seat).values(held=False, cause=None))
    office.session.commit()
    mail.send_due(office.session, mailing.extensions["ascriptica"].mailer, lambda: office.now)
    assert len(inbox.mails) == 1


def associated(office: Office, **facts: object) -> None:
    office.session.execute(update(Association).values(**facts))
    office.session.commit()


def test_a_course_that_people_can_t_enter_is_mailed_two_days_before_it_starts(watched):
    art = watched.course("ART", "art", starts_at=watched.now + timedelta(days=5))
    watched.register(art, "kim")
    watched.deliver()
    associated(watched, published=False)
    assert kinds(watched) == []
    watched.later(days=2)
    assert kinds(watched) == []
    watched.later(days=1, minutes=1)
    assert kinds(watched) == ["attention"]
    # It is the same, however many more register.
    watched.register(art, "lou")
    watched.deliver()
    watched.later(hours=2)
    assert kinds(watched) == []
    associated(watched, published=True)
    assert kinds(watched) == []
    associated(watched, published=False)
    assert kinds(watched) == ["attention"]


def test_a_canvas_course_that_is_gone_is_mailed_at_once_though_nobody_has_registered(watched):
    watched.course("ART", "art", starts_at=watched.now + timedelta(days=50))
    associated(watched, trouble="course_missing")
    assert kinds(watched) == ["attention"]


def test_the_digest_lists_what_the_number_in_the_menu_counts(mailing, inbox, canvas):
    office = Office(mailing, canvas)
    office.connect()
    policy(office, admin_mails="boss@example.org")
    for code in ("art", "bio"):
        office.register(office.course(code.upper(), code))
    far = office.course("FAR", "blue", starts_at=office.now + timedelta(days=9, minutes=1))
    said_at = moment(far.starts_at, "weekday date time", UTC)
    office.deliver()
    associated(office, published=False)
    office.session.execute(
        update(Association)
        .where(Association.canvas_course_id == canvas.ids["course.blue"])
        .values(trouble="course_closed_to_students")
    )
    office.participant("kim@example.org").sis_user_id_refused = "S-1"
    office.session.commit()
    rounds.send_mails(mailing)
    [digest] = [one.get_content() for one in inbox.mails if one["To"] == "boss@example.org"]
    lines = [line for line in digest.splitlines() if line.startswith("*")]
    assert lines == [
        "* Enrolled, but the Canvas course is not published: 1 person (ART here, BIO here)",
        "* Two people with one SIS ID: 1 person",
        f"* The Canvas course can't have students (FAR here). FAR here starts in 9 days: {said_at}",
    ]
    number = blocked.number(office.session, connection_of(office), office.now)
    assert number == len(lines)


@pytest.mark.parametrize("hours", [(2, 30), (30, 2), (-5, 2), (2, -5), (-5, -2), (-2, -5)])
def test_each_line_of_the_digest_says_when_its_next_course_starts(mailing, inbox, canvas, hours):
    """If all have started, it is the one that started last. A course without a start is left out."""
    office = Office(mailing, canvas)
    office.connect()
    policy(office, admin_mails="boss@example.org")
    for code, by in zip(("art", "bio"), hours, strict=True):
        start = office.now + timedelta(hours=by, minutes=1 if by > 0 else -1)
        office.register(office.course(code.upper(), code, starts_at=start))
    office.register(office.course("EVER", "blue"))
    office.session.execute(update(Seat).values(held=True, cause="no_account"))
    office.session.commit()
    rounds.send_mails(mailing)
    [line] = [one for one in inbox.mails[-1].get_content().splitlines() if one.startswith("*")]
    nearest = max(hours) if max(hours) < 0 else min(by for by in hours if by > 0)
    said = "starts in 2 hours" if nearest > 0 else "started 2 hours ago"
    assert line.startswith(f"* Has no Canvas user: 1 person. {('ART', 'BIO')[hours.index(nearest)]} here {said}: ")


def test_course_settings_say_who_gets_which_mail(here, admin):
    page = admin.get("/tools/settings/office")
    assert "We mail nobody: mails are not set up on this server." in words(page)
    form = {"admin_mails": "boss@example.org; desk@example.org", "mails": ["in", "attention"]}
    assert "Saved." in words(admin.post("/tools/settings/office", data=form, follow_redirects=True))
    here.session.expire_all()
    current = load_settings(here.session)
    assert current.admin_mails == "boss@example.org,desk@example.org"
    assert current.mails_off == "moved_up,moved,removed,cancelled,reopened,token_dead,canvas_away,well_again,token_ends"
    wrong = admin.post("/tools/settings/office", data={"admin_mails": "boss at example"})
    assert "boss is not an email address." in words(wrong)


def test_the_digest_names_who_is_to_be_erased_but_has_access_elsewhere(mailing, inbox, canvas):
    office = Office(mailing, canvas)
    office.connect()
    policy(office, admin_mails="boss@example.org")
    office.register(office.course("ART", "art"))
    office.deliver()
    leave_for_another_canvas(office)
    kim = office.participant("kim@example.org")
    erasing.ask_to_erase(office.session, kim, office.now, "boss@example.org", end_access=True)
    office.session.commit()
    rounds.send_mails(mailing)
    [digest] = [one.get_content() for one in inbox.mails if one["To"] == "boss@example.org"]
    assert [line for line in digest.splitlines() if line.startswith("*")] == [
        "* To be erased, but with access in a Canvas that is not connected: 1 person"
    ]
