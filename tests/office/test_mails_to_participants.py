"""Mails to participants: once for each thing that happens, and never to those whom an import brought in."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from ascriptica_plugin import mail
from ascriptica_plugin import office as facade
from ascriptica_plugin.office import cancelling, erasing, mails_to_participants, plan, registrations, undoing
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Association, Course, LogEntry, Participant, Registration
from ascriptica_plugin.worker import rounds

from ..office_at_work import Office, policy, someone, wait_for
from ..pages import all_of

BOSS = "boss@example.org"


def queued(office: Office) -> list[tuple[str, str]]:
    """Kind and address of each mail that waits."""
    mails_to_participants.note_who_is_in(office.session, office.now, by_mail=True)
    return [(one.kind, one.email) for one in all_of(office.app, Mail)]


def test_a_person_who_is_in_is_mailed_once_whatever_happens_later(office, canvas):
    art = office.course("ART", "art")
    office.register(art)
    assert queued(office) == []
    office.deliver()
    assert queued(office) == [("in", "kim@example.org")]
    office.recheck("art")
    office.settle(2)
    assert queued(office) == [("in", "kim@example.org")]


def test_a_person_in_a_course_that_is_not_open_is_mailed_when_it_opens(office, canvas):
    art = office.course("ART", "art")
    office.register(art)
    office.session.execute(update(Association).values(published=False))
    office.session.commit()
    office.deliver()
    assert queued(office) == []
    office.session.execute(update(Association).values(published=True))
    office.session.commit()
    assert queued(office) == [("in", "kim@example.org")]


def test_a_person_who_can_t_enter_before_a_date_is_mailed_then(office, canvas):
    office.register(office.course("ART", "art"))
    office.session.execute(update(Association).values(opens_at=office.now + timedelta(days=1)))
    office.session.commit()
    office.deliver()
    assert queued(office) == []
    office.later(days=2)
    assert queued(office) == [("in", "kim@example.org")]


def test_people_who_were_in_before_mails_were_set_up_are_not_mailed_later(office, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    rounds.send_mails(office.app)
    assert queued(office) == []
    office.register(office.course("BIO", "bio"), "lou")
    office.deliver()
    assert queued(office) == [("in", "lou@example.org")]


def test_people_who_move_up_or_are_removed_by_the_office_are_mailed_and_those_who_withdraw_are_not(here):
    art = here.course("ART", capacity=1)
    here.register(art, "kim")
    wait_for(here, art, "max")
    here.withdraw(art, "kim")
    assert queued(here) == [("moved_up", "max@example.org")]
    registrations.withdraw(here.session, art, here.participant("max@example.org"), here.now, "boss@example.org")
    here.session.commit()
    assert queued(here) == [("moved_up", "max@example.org"), ("removed", "max@example.org")]


def full_course(here) -> Course:
    """ART with Kim, with Lou, who gets no mails about it, and with Ann on the waitlist."""
    art = here.course("ART", capacity=2)
    for who in ("kim", "lou"):
        here.register(art, who)
    wait_for(here, art, "ann")
    lou = here.session.scalar(select(Registration).join(Participant).where(Participant.email == "lou@example.org"))
    lou.notify = False
    return art


def test_everybody_in_a_cancelled_course_is_mailed_once_unless_it_is_reopened_before(here):
    art = full_course(here)
    for _ in range(2):
        cancelling.cancel(here.session, art, here.now, BOSS)
        here.session.commit()
        mailed = sorted(email for kind, email in queued(here) if kind == "cancelled")
        assert mailed == ["ann@example.org", "kim@example.org"]
        cancelling.reopen(here.session, art, here.now, BOSS)
        here.session.commit()
        # Nobody has heard of it yet.
        assert [one for one in queued(here) if one[0] in ("cancelled", "reopened")] == []
    policy(here, mails_off="cancelled")
    cancelling.cancel(here.session, art, here.now, BOSS)
    here.session.commit()
    assert [one for one in queued(here) if one[0] == "cancelled"] == []


def test_people_who_were_mailed_that_a_course_is_cancelled_are_mailed_that_it_is_reopened(here):
    art = full_course(here)
    cancelling.cancel(here.session, art, here.now, BOSS)
    here.session.commit()
    assert sorted(sent(here)) == [("cancelled", "ann@example.org"), ("cancelled", "kim@example.org")]
    cancelling.reopen(here.session, art, here.now, BOSS)
    here.session.commit()
    assert sorted(sent(here)) == [("reopened", "ann@example.org"), ("reopened", "kim@example.org")]
    policy(here, mails_off="reopened")
    cancelling.cancel(here.session, art, here.now, BOSS)
    here.session.commit()
    assert len(sent(here)) == 2
    cancelling.reopen(here.session, art, here.now, BOSS)
    here.session.commit()
    assert sent(here) == []


def test_a_person_whom_the_office_moves_gets_one_mail_about_it_and_one_who_moves_gets_none(here):
    here.register(here.course("ART"), "kim")
    here.course("BIO")
    facade.move(here.session, "ART", "BIO", someone("kim"), here.now)
    here.session.commit()
    assert queued(here) == []
    facade.move(here.session, "BIO", "ART", someone("kim"), here.now, by="boss@example.org")
    here.session.commit()
    assert queued(here) == [("moved", "kim@example.org")]


def last_act_undone(office: Office) -> None:
    last = office.session.scalars(select(LogEntry).where(LogEntry.part_of.is_(None), LogEntry.who == BOSS)).all()[-1]
    undoing.undo(office.session, last, office.now, BOSS)
    office.session.commit()


def sent(office: Office) -> list[tuple[str, str]]:
    """The mails that wait, which then leave."""
    them = queued(office)
    office.session.execute(delete(Mail))
    office.session.commit()
    return them


@pytest.mark.parametrize("has_left", [False, True])
@pytest.mark.parametrize("what", ["registered", "withdrew", "moved"])
def test_no_mail_is_sent_about_an_act_that_was_undone_before(office, canvas, what, has_left):
    art, kim = office.course("ART", "art"), someone("kim")
    office.course("BIO", "bio")
    if what == "registered":
        entry = registrations.Entry("kim@example.org", "Kim")
        registrations.register_many(office.session, art, [entry], office.now, BOSS)
        office.session.commit()
        office.deliver()
    else:
        office.register(art)
        office.deliver()
        assert sent(office) == [("in", "kim@example.org")]
        if what == "withdrew":
            registrations.withdraw(office.session, art, office.participant("kim@example.org"), office.now, BOSS)
        else:
            facade.move(office.session, "ART", "BIO", kim, office.now, by=BOSS)
        office.session.commit()
    if has_left:
        assert sent(office) == [({"registered": "in", "withdrew": "removed"}.get(what, what), "kim@example.org")]
    last_act_undone(office)
    office.settle()
    then = {"registered": "removed", "withdrew": "in", "moved": "moved"}[what]
    assert queued(office) == ([(then, "kim@example.org")] if has_left else [])


def test_a_person_who_is_to_enter_another_canvas_course_is_mailed_once_more(office, canvas):
    art = office.course("ART", "art")
    office.register(art)
    office.deliver()
    assert queued(office) == [("in", "kim@example.org")]
    office.associate(art, "art", canvas.ids["section.art.late"])
    office.settle(2)
    assert queued(office) == [("in", "kim@example.org")]
    office.associate(art, "bio")
    assert queued(office) == [("in", "kim@example.org")]
    office.settle(2)
    assert queued(office) == 2 * [("in", "kim@example.org")]


@pytest.mark.parametrize(("notify", "mails"), [(None, []), (True, [("in", "kim@example.org")])])
def test_an_import_mails_nobody_unless_it_is_ticked(office, canvas, notify, mails):
    art = office.course("ART", "art")
    kim = Participant(email="kim@example.org", name="Kim")
    office.session.add(kim)
    office.session.flush()
    its = plan.begin(office.session, [art], office.now, "boss@example.org", in_bulk=True, notify=notify)[art.id]
    plan.look_up(office.session, [its], [kim])
    its.register(kim, wait=False)
    its.write()
    office.session.commit()
    office.deliver()
    assert all_of(office.app, Registration)[0].status == "registered"
    assert queued(office) == mails


def test_a_person_who_is_being_erased_gets_no_mail(here):
    here.register(here.course("ART"), "kim")
    kim = here.participant("kim@example.org")
    erasing.ask_to_erase(here.session, kim, here.now, "boss@example.org", end_access=True)
    here.session.commit()
    assert queued(here) == []


def test_a_kind_that_is_switched_off_is_not_sent_later_either(office, canvas):
    policy(office, mails_off="in,removed")
    art = office.course("ART", "art")
    office.register(art)
    office.deliver()
    assert queued(office) == []
    policy(office, mails_off="")
    assert queued(office) == []


def test_the_mails_name_the_course_and_say_how_to_get_in(mailing, inbox, canvas):
    office = Office(mailing, canvas)
    office.connect()
    policy(office, contact_text="Room 12", contact_phone="+1 303")
    art = office.course("ART", "art", capacity=1)
    office.register(art, "kim")
    office.deliver()
    wait_for(office, art, "max")
    mails_to_participants.note_who_is_in(office.session, office.now, by_mail=True)
    registrations.withdraw(office.session, art, someone("kim"), office.now, "boss@example.org")
    office.session.commit()
    mailer = mailing.extensions["ascriptica"].mailer
    mail.send_due(office.session, mailer, lambda: office.now)
    # Kim is out again, so that nobody reads that they are in.
    read = {(one["To"], one["Subject"]): one.get_content() for one in inbox.mails}
    assert set(read) == {
        ("kim@example.org", "You are no longer registered: ART here"),
        ("max@example.org", "You have a place: ART here"),
    }
    office.course("BIO")
    facade.move(office.session, "ART", "BIO", someone("max"), office.now, by="boss@example.org")
    office.session.commit()
    mail.send_due(office.session, mailer, lambda: office.now)
    assert inbox.mails[-1]["Subject"] == "You are in another course now: BIO here"
    assert "the office has moved you from ART here to BIO here." in inbox.mails[-1].get_content()
    facade.move(office.session, "BIO", "ART", someone("max"), office.now)
    office.session.commit()
    office.deliver()
    mails_to_participants.note_who_is_in(office.session, office.now, by_mail=True)
    mail.send_due(office.session, mailer, lambda: office.now)
    text = inbox.mails[-1].get_content()
    assert inbox.mails[-1]["Subject"] == "You are in: ART here"
    assert "Hello Max," in text
    assert f"{canvas.url}/courses/{canvas.ids['course.art']}" in text
    assert "Sign in there as max@example.org." in text
    assert "http://register.example.org/courses/ART" in text
    assert "How to reach the office: Room 12, +1 303" in text
    cancelling.cancel(office.session, art, office.now, "boss@example.org")
    office.session.commit()
    mail.send_due(office.session, mailer, lambda: office.now)
    assert (inbox.mails[-1]["To"], inbox.mails[-1]["Subject"]) == ("max@example.org", "Cancelled: ART here")
    assert "the office has cancelled ART here." in inbox.mails[-1].get_content()
    assert "How to reach the office: Room 12, +1 303" in inbox.mails[-1].get_content()
    office.register(course := office.course("CHEM", capacity=1), "max")
    wait_for(office, course, "ron")
    cancelling.cancel(office.session, course, office.now, "boss@example.org")
    office.session.commit()
    mail.send_due(office.session, mailer, lambda: office.now)
    cancelling.reopen(office.session, course, office.now, "boss@example.org")
    office.session.commit()
    mail.send_due(office.session, mailer, lambda: office.now)
    read = {one["To"]: (one["Subject"], one.get_content()) for one in inbox.mails[-2:]}
    assert {subject for subject, _ in read.values()} == {"It takes place after all: CHEM here"}
    assert "You are registered again." in read["max@example.org"][1]
    assert "You are on its waitlist again, in the same position." in read["ron@example.org"][1]
