"""Somebody erased is taken out of the activity log, and nobody else is."""

import json

import alembic.command
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ascriptica_plugin.ledger import activity, lease
from ascriptica_plugin.office import erasing, log_traces, registrations
from ascriptica_plugin.shared import clock
from ascriptica_plugin.standalone.accounts import accounts
from ascriptica_plugin.sync import drain
from ascriptica_plugin.tables.columns import begin_writing
from ascriptica_plugin.tables.office import Course, FormerEmail, LogEntry, Participant
from ascriptica_plugin.worker import rounds

from ..office_at_work import PASSWORD, Office, entries, someone
from ..pages import all_of
from ..tables.test_migrations import migrations
from .erasing import erase, everything_in_the_database, note, number_of


def test_erasing_keeps_the_log_entries_of_what_others_did(app, admin):
    """An administrator can't wipe a colleague's entries either, by giving somebody their email and erasing that one."""
    office = Office(app, None)
    session = office.session
    rival = accounts.add_account(session, clock.utc_now(), "rival@example.org", "Rival", PASSWORD, admin=True)
    session.add(Participant(email="lee@example.org", name="Lee"))
    session.commit()
    for who in (rival.email, "kim.lee@example.org", "lee@example.org.uk"):
        note(office, who, f"connected as {who}")
    number = number_of(office, "lee@example.org")
    for email in ("rival@example.org", "lee@example.org"):
        form = {"name": "Lee", "email": email, "sis_user_id": ""}
        assert admin.post(f"/tools/participants/{number}", data=form).status_code == 302
    erase(admin, number, "Lee")
    office.deliver()
    written = {(entry.who, entry.words) for entry in all_of(app, LogEntry) if entry.what == "did"}
    assert written == {
        (who, f"connected as {who}") for who in ("rival@example.org", "kim.lee@example.org", "lee@example.org.uk")
    }


def test_a_person_who_gets_the_number_of_somebody_erased_gets_none_of_their_emails(app, admin):
    """SQLite gives the number out again and checks no foreign key; a late request may store one more email."""
    office = Office(app, None)
    office.register(office.course("ART"), "kim")
    number = number_of(office)
    form = {"name": "Kim", "email": "new@example.org", "sis_user_id": ""}
    admin.post(f"/tools/participants/{number}", data=form)
    held = json.loads(admin.post(f"/tools/participants/{number}/export").data)
    assert held["participant"]["former_emails"] == ["kim@example.org"]
    erase(admin, number)
    office.deliver()
    begin_writing(office.session)
    try:
        office.session.execute(insert(FormerEmail).values(participant_id=number, email="late@example.org"))
        office.session.commit()
    except IntegrityError:
        office.session.rollback()
    rounds.forget(app)
    assert all_of(app, FormerEmail) == []
    assert "late@" not in everything_in_the_database(office)


def test_earlier_emails_are_learned_from_the_activity_log_of_an_upgraded_installation(app, admin):
    """An installation that is upgraded learns them from there, as far as the log goes back."""
    office = Office(app, None)
    office.register(office.course("ART"), "kim")
    number = number_of(office)
    for name, email in (("Kim", "One@example.org"), ("Kim; email", "two@example.org"), ("Kim", "two@example.org")):
        form = {"name": name, "email": email, "sis_user_id": ""}
        assert admin.post(f"/tools/participants/{number}", data=form).status_code == 302
    before = sorted(one.email for one in all_of(app, FormerEmail))
    assert before == ["kim@example.org", "one@example.org"]
    said = [(entry.id, entry.words) for entry in all_of(app, LogEntry)]
    office.session.remove()
    config = migrations()
    with app.extensions["sqlalchemy"].engine.connect() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "0007")
        connection.commit()
        # That release stored a sentence where we store a code.
        kept = text("UPDATE ascriptica_log SET words = :words WHERE id = :id")
        connection.execute(kept, [{"words": str(words), "id": number} for number, words in said])
        connection.commit()
        alembic.command.upgrade(config, "head")
        connection.commit()
    assert sorted(one.email for one in all_of(app, FormerEmail)) == before


def test_a_long_log_is_searched_in_small_units_while_others_are_delivered(office, admin, canvas, monkeypatch):
    """People who register meanwhile are enrolled, though the log is long."""
    monkeypatch.setattr(log_traces, "ENTRIES", 7)
    art = office.course("ART", "art")
    office.register(art, "kim")
    office.deliver()
    entries(office.session, 40)
    for number in range(40):
        activity.note(office.session, office.now, "boss@example.org", "did", f"with kim@example.org, {number}")
    office.session.commit()
    erase(admin, number_of(office))
    drain.drain(office.session, office.canvases, lambda: False, lambda: office.now)
    take_out, registered = log_traces.take_out, []

    def others_act(session, of, after, upto):
        if after == 21:
            with Session(session.get_bind()) as another:
                registrations.register(another, another.get(Course, art.id), someone("lou"), office.now)
                another.commit()
                drain.drain(another, office.canvases, lambda: False, lambda: office.now)
            registered.extend(canvas.who_is_in("art"))
        take_out(session, of, after, upto)

    monkeypatch.setattr(log_traces, "take_out", others_act)
    erasing.erase_people(office.session, lambda: office.now)
    assert registered == ["lou@example.org"]
    assert "kim@example.org" not in everything_in_the_database(office)
    assert "entry-0039" in everything_in_the_database(office)


def test_entries_written_while_the_log_is_searched_are_found_too(office, admin, canvas, monkeypatch):
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    erase(admin, number_of(office))
    drain.drain(office.session, office.canvases, lambda: False, lambda: office.now)
    take_lease = lease.take_lease

    def written_meanwhile(session, *which):
        activity.note(session, office.now, "boss@example.org", "did", "with kim@example.org")
        session.commit()
        return take_lease(session, *which)

    monkeypatch.setattr(lease, "take_lease", written_meanwhile)
    erasing.erase_people(office.session, lambda: office.now)
    assert "kim@example.org" not in everything_in_the_database(office)
