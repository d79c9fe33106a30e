"""A participant's own data: all of it in one file, and all of it forgotten, without losing what Canvas still needs."""

import json
import re
import unicodedata
from dataclasses import replace

import alembic.command
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ascriptica_plugin import clock
from ascriptica_plugin.ledger import lease
from ascriptica_plugin.office import activity, log_traces, people, privacy, registrations, traces
from ascriptica_plugin.office.imports import run
from ascriptica_plugin.standalone.accounts import accounts
from ascriptica_plugin.standalone.accounts.tables import Account, SignUp
from ascriptica_plugin.sync import drain, erasing
from ascriptica_plugin.tables.canvas import Match, Seat
from ascriptica_plugin.tables.columns import Base, begin_writing
from ascriptica_plugin.tables.office import Course, FormerEmail, Import, LogEntry, Mail, Participant, Registration
from ascriptica_plugin.worker import rounds

from ..office_at_work import PASSWORD, Office, during_the_first_call, entries, sign_in, someone
from ..pages import all_of, upload, words
from ..tables.test_migrations import migrations


def number_of(office: Office, email: str = "kim@example.org") -> int:
    return office.session.scalars(select(Participant.id).where(Participant.email == email)).one()


def erase(admin, number: int, name: str = "Kim", **form):
    return admin.post(f"/tools/participants/{number}/erase", data={"end_access": "y", "name": name} | form)


def everything_in_the_database(office: Office) -> str:
    """Every value of every table, as text in small letters."""
    office.session.commit()
    rows = [row for table in Base.metadata.sorted_tables for row in office.session.execute(select(table))]
    office.session.commit()
    return traces.fold("\n".join(_as_text(value) for row in rows for value in row))


def test_all_that_is_held_is_one_file_and_nobody_else_s_data_is_in_it(office, admin, canvas):
    course = office.course("ART", "art")
    office.register(course, "kim", sis_user_id="K-100")
    office.register(course, "lou")
    office.deliver()
    number = number_of(office)
    candidates = [{"id": 9, "name": "Lou Other"}]
    mine = update(Match).where(Match.participant_id == number)
    office.session.execute(mine.values(candidates=candidates))
    activity.note(office.session, office.now, activity.US, "waits", "Lou Other, login lou", participant_id=number)
    activity.note(office.session, office.now, "boss@example.org", "corrected", "name: K → Kim", participant_id=number)
    office.session.commit()
    answer = admin.post(f"/tools/participants/{number}/export")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=participant-{number}.json"
    assert answer.headers["Cache-Control"] == "no-store"
    held = json.loads(answer.data)
    assert held["participant"] == {
        "name": "Kim",
        "email": "kim@example.org",
        "sis_user_id": "K-100",
        "sis_user_id_left_out": None,
        "former_emails": [],
        "key": "kim",
        "to_be_erased_since": None,
    }
    assert held["sign_in"] is None, "the host's own"
    [registration] = held["registrations"]
    assert (registration["code"], registration["status"]) == ("ART", "registered")
    [access] = held["canvas_access"]
    assert (access["canvas_url"], access["state_in_canvas"]) == (canvas.api, "active")
    assert held["canvas_users"][0]["canvas_user_id"] == canvas.ids["user.kim"]
    told = [(entry["what"], entry["who"], entry["words"]) for entry in held["log"]]
    assert ("registered", "the participant", "") in told
    assert ("corrected", "the office", "name: K → Kim") in told
    assert ("exported", "the office", "") in told
    for others in (canvas.token, "lou", "boss"):
        assert others not in answer.text.lower()


def test_somebody_is_erased_when_their_canvas_access_has_ended(app, client, canvas):
    office = Office(app, canvas)
    office.connect()
    course, bio = office.course("ART", "art"), office.course("BIO", capacity=1)
    sign_in(client, app, "boss@example.org", admin=True)
    kim = Account(email="kim@example.org", name="Kim", password_hash="x")
    office.session.add(kim)
    office.session.commit()
    key = f"account:{kim.id}"
    for of in (course, bio):
        office.register(of, "kim", key=key)
    client.post("/courses/BIO/register", data={"wait": "1"})
    office.deliver()
    number = number_of(office)
    activity.note(office.session, office.now, "old@kim.example", "registered", participant_id=number)
    activity.note(office.session, office.now, "boss@example.org", "corrected", "KIM@example.org is new")
    office.session.commit()

    page = words(client.get(f"/tools/participants/{number}/erase"))
    assert "They are withdrawn from 2 courses" in page
    assert f"Their user in Canvas (ID {canvas.ids['user.kim']})" in page
    refused = erase(client, number, "Kimm")
    assert refused.status_code == 422
    assert 'value="Kimm"' in refused.text
    assert "type Kim here" in words(refused)
    assert erase(client, number, " kIM ").status_code == 302

    # At once: withdrawn, no sign-in; whoever waited has moved up. Not yet: who it is, since Canvas is not done.
    assert sorted(one.status for one in all_of(app, Registration)) == ["registered", "withdrawn", "withdrawn"]
    assert [one.email for one in all_of(app, Account)] == ["boss@example.org"]
    page = words(client.get(f"/tools/participants/{number}"))
    assert "First their Canvas access has to end, in 1 place" in page
    assert client.get(f"/tools/participants/{number}").text.count("<form") == 2  # to sign out, and to export

    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    left = everything_in_the_database(office)
    for trace in ("kim@", "'kim'", "k-100", "old@kim.example"):
        assert trace not in left
    # As a number of its own: any digits may be in a hash or a time.
    assert not re.search(rf"\b{canvas.ids['user.kim']}\b", left)
    assert client.get(f"/tools/participants/{number}").status_code == 404
    nobody = [one for one in all_of(app, Participant) if one.erased_at]
    assert [(one.name, one.key) for one in nobody] == [("Erased participant", None)]
    assert [one.participant_id for one in all_of(app, Registration)].count(nobody[0].id) == 2
    told = {(one.who, one.what) for one in all_of(app, LogEntry) if one.participant_id == nobody[0].id}
    assert {
        ("boss@example.org", "asked to erase"),
        ("an erased participant", "registered"),
        ("Ascriptica", "erased"),
    } <= told

    # Nobody is found, corrected, or erased.
    assert "Erased participant" not in words(client.get("/tools/participants"))
    assert "Erased participant" in words(client.get("/tools/courses/ART"))
    page = client.get(f"/tools/participants/{nobody[0].id}")
    assert "The data of this person was deleted" in words(page)
    assert "erase" not in page.text.replace("Erased", "").replace("erased@", "")
    assert client.post(f"/tools/participants/{nobody[0].id}", data={"name": "Kim"}).status_code == 200
    assert erase(client, nobody[0].id).status_code == 302
    assert [one.name for one in all_of(app, Participant) if one.erased_at] == ["Erased participant"]


def test_reports_of_imports_name_nobody(app, admin):
    office = Office(app, None)
    course = office.course("ART", capacity=0)
    registrations.register(office.session, course, someone("kim"), office.now, wait=True)
    office.session.commit()
    file = "email,course,status\nkim@example.org,ART,registered\nkim@example.org,kim@example.org,registered\n"
    upload(admin, "registrations", file + "nobody@example.org,ART,registered\n")
    upload(admin, "participants", "email,name,sis_user_id\nkim@example.org,Kim\tLee,\nlou@,Lou,\n")
    reports = [dict(one.refused) for one in all_of(app, Import)]
    assert reports[0][2] == "This person is on the waitlist of ART here."
    assert [sorted(report) for report in reports] == [[2, 3, 4], [2, 3]]
    for trace in ("kim", "lou", "nobody"):
        assert trace not in str(reports).lower()
    erase(admin, number_of(office))
    office.deliver()
    assert "kim" not in everything_in_the_database(office)


def test_whoever_a_report_names_is_taken_out_of_it(app, admin):
    """Somebody else's row names them, since they have its email under another name, or its SIS ID."""
    office = Office(app, None)
    office.register(office.course("ART"), "kim", sis_user_id="S-1")
    rows = "kim@example.org,Lou,\nnew@example.org,New,S-1\nbad,Bad,\n"
    upload(admin, "participants", f"email,name,sis_user_id\n{rows}")
    [report] = all_of(app, Import)
    assert report.refused[0][1].startswith("Kim has the email kim@example.org here")
    assert "Kim (kim@example.org) has the SIS ID S-1." in report.remarks[0][1]
    erase(admin, number_of(office))
    office.deliver()
    assert "kim" not in everything_in_the_database(office)
    [report] = all_of(app, Import)
    assert [line for line, _ in report.refused] == [2, 4]
    assert [line for line, _ in report.remarks] == [3]
    assert report.refused[1][1].startswith("That is not an email address.")


def test_who_sent_a_file_is_erased_too(app, admin):
    office = Office(app, None)
    other = app.test_client()
    sign_in(other, app, "kim@example.org", admin=True)
    upload(other, "courses", "code,title\nART,Art\n")
    other.post("/courses/ART/register")
    # Signed in last, as the tests' application context keeps who is.
    chief = app.test_client()
    sign_in(chief, app, "chief@example.org", admin=True)
    erase(chief, number_of(office))
    office.deliver()
    assert [one.who for one in all_of(app, Import)] == ["an erased participant"]
    assert "kim@" not in everything_in_the_database(office)


def test_who_had_another_email_and_a_link_is_erased_with_both(app, admin):
    office = Office(app, None)
    account = accounts.add_account(office.session, clock.utc_now(), "kim@example.org", "Kim", PASSWORD)
    office.session.commit()
    number = number_of(office)
    assert admin.post(f"/tools/accounts/{account.id}/link").status_code == 200
    admin.post(f"/tools/participants/{number}", data={"name": "Kim", "email": "new@example.org", "sis_user_id": ""})
    erase(admin, number)
    office.deliver()
    for email in ("kim@", "new@"):
        assert email not in everything_in_the_database(office)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_file_on_its_way_brings_nobody_back(app, admin, dry_run):
    """What is left of it is kept until it is in, and somebody who is in it just as long."""
    office = Office(app, None)
    office.register(office.course("ART"), "kim")
    number, session = number_of(office), office.session
    data = b"email,name\nKIM@example.org,Kim\nlou@example.org,Lou\n"
    how = {"dry_run": dry_run, "most_rows": 10}
    run.start(session, "participants", "people.csv", data, clock.utc_now(), "boss@example.org", **how)
    session.commit()
    erase(admin, number)
    office.deliver()
    assert "as soon as running imports have finished" in words(admin.get(f"/tools/participants/{number}"))
    rounds.take_files_in(app)
    [report] = all_of(app, Import)
    assert (report.made, report.finished_at is not None) == (1, True)
    assert report.refused == [[2, "Somebody with this email is being erased. Send this row again when that is done."]]
    office.deliver()
    assert "kim@" not in everything_in_the_database(office)
    # Sent later, it is somebody new.
    upload(admin, "participants", "email,name\nkim@example.org,Kim\n")
    assert number_of(office) != number


def test_enrollments_stay_in_canvas_where_the_office_says_so(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    assert erase(admin, number_of(office), end_access="").status_code == 302
    assert office.deliver() == []
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert "kim@" not in everything_in_the_database(office)


def test_who_it_is_is_kept_as_long_as_canvas_needs_it(office, admin, canvas):
    """The answer to enrolling was lost, so nothing but the email tells whose enrollment is to be looked for."""
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    office.register(office.course("ART", "art"))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.seats()[0].canvas_enrollment_id is None
    number = number_of(office)
    erase(admin, number)
    canvas.options(down=True)
    office.deliver()
    assert number_of(office) == number
    canvas.options(down=False)
    office.later(minutes=2)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "deleted"}
    assert "kim@" not in everything_in_the_database(office)


def test_what_can_t_end_can_be_left_and_nothing_late_is_written(office, admin, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    [seat] = office.seats()
    canvas.options(permissions={"without": ["remove_student_from_course", "manage_students"]})
    number, connection_id = number_of(office), seat.connection_id
    erase(admin, number)
    office.deliver()
    assert office.status()["seats"]["held"] == 1
    # Who comes back meanwhile begins anew, and stays.
    answer = admin.post("/tools/courses/ART", data={"name": "Kim", "email": "kim@example.org"})
    assert answer.status_code == 302
    assert len(all_of(office.app, Participant)) == 2
    assert "erase them without it" in words(admin.get(f"/tools/participants/{number}"))
    erase(admin, number, end_access="")
    office.deliver()
    assert [one.id for one in all_of(office.app, Participant) if one.email == "kim@example.org"] != [number]
    assert canvas.roster("art") == {"kim@example.org": "active"}
    # A worker whose lease has passed on comes back late. PostgreSQL refuses what it writes, SQLite does not.
    begin_writing(office.session)
    try:
        late = {"connection_id": connection_id, "participant_id": number, "login_sent": "late@example.org"}
        office.session.execute(insert(Match).values(**late))
        activity.note(office.session, office.now, activity.US, "waits", "late@example.org", participant_id=number)
        office.session.commit()
        assert office.session.connection().dialect.name == "sqlite"
    except IntegrityError:
        office.session.rollback()
    rounds.forget(office.app)
    assert "late@" not in everything_in_the_database(office)


def test_nobody_gets_the_seat_of_somebody_erased_while_a_call_is_on_its_way(office, canvas, monkeypatch):
    """SQLite gives its id to the next one that is made."""
    course_id = office.register(office.course("ART", "art"), "kim").course_id
    office.session.commit()

    def erase_and_register_another():
        kim = office.session.get(Participant, number_of(office))
        privacy.ask_to_erase(office.session, kim, office.now, "boss@example.org", end_access=False)
        office.session.commit()
        office.register(office.session.get(Course, course_id), "lou")

    during_the_first_call(office, monkeypatch, erase_and_register_another)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active", "lou@example.org": "active"}
    office.withdraw(office.session.get(Course, course_id), "lou")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active", "lou@example.org": "deleted"}


def test_without_canvas_nothing_has_to_be_waited_for(app, admin):
    office = Office(app, None)
    office.register(office.course("ART"))
    erase(admin, number_of(office))
    office.deliver()
    assert "kim@" not in everything_in_the_database(office)


def test_nobody_erases_themselves_and_participants_nobody(app, admin):
    office = Office(app, None)
    course = office.course("ART")
    admin.post("/courses/ART/register")
    boss = number_of(office, "boss@example.org")
    assert "This is you" in words(erase(admin, boss, "Boss"))
    office.register(course, "kim")
    number = number_of(office)
    other = app.test_client()
    sign_in(other, app, "pat@example.org")
    assert other.get(f"/tools/participants/{number}/erase").status_code == 403
    assert other.post(f"/tools/participants/{number}/export").status_code == 403
    assert erase(other, number).status_code == 403
    assert len(all_of(app, Participant)) == 2


def _as_text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else repr(value)


def note(office: Office, who: str, words: str = "", participant_id: int | None = None) -> None:
    activity.note(office.session, office.now, who, "did", words, participant_id=participant_id)
    office.session.commit()


def test_nothing_is_left_of_somebody_in_any_column_of_any_table(office, admin, canvas):
    """Whom the log, files, mails and others' questions knew by an earlier email, and in letters that not each database
    takes for the same."""
    session, now = office.session, clock.utc_now()
    account = accounts.add_account(session, now, "JÖRG@exämple.org", "Jörg Straßer", PASSWORD)
    session.flush()
    course = office.course("ART", "art")
    joerg = registrations.register(session, course, accounts.person_of(account), office.now).participant
    session.commit()
    number = joerg.id
    office.deliver()
    # The host has another email of his; then the office; and he asks for one himself.
    people.participant_for(session, replace(accounts.person_of(account), email="Host.Joerg@exämple.org"))
    session.commit()
    form = {"name": "Jörg Straßer", "email": "now@example.org", "sis_user_id": "J-77"}
    assert admin.post(f"/tools/participants/{number}", data=form).status_code == 302
    accounts.ask_for_email(session, session.get(Account, account.id), "wanted@example.org", now)
    for email in ("jörg@exämple.org", "now@example.org"):
        accounts.sign_up(session, now, f"x{email}", "Nobody's", "x", by_mail=True)
        session.add(SignUp(id=email[:5] * 3, email=email, name="Jörg St.", password_hash="x", made_at=now))
        session.add(Mail(kind="password", email=email, made_at=now, try_at=now))
    session.commit()
    number_in_canvas = all_of(office.app, Match)[0].canvas_user_id
    assert number_in_canvas
    # What others' rows say of him.
    office.register(course, "lou")
    lou = number_of(office, "lou@example.org")
    office.deliver()
    about_him = f"Jörg Straßer, login now@example.org, Canvas ID {number_in_canvas}"
    question = {"id": number_in_canvas, "name": "Jörg Straßer", "login_id": "j", "email": None, "sis_user_id": "J-77"}
    other = {"id": 10**9, "name": "Lou Else", "login_id": "lou@x.org", "email": None, "sis_user_id": None}
    theirs = update(Match).where(Match.participant_id == lou)
    session.execute(theirs.values(candidates=[question, other]))
    waits = {"cause": "who_is_it", "cause_detail": about_him, "version": Seat.version + 1, "held": True}
    session.execute(update(Seat).where(Seat.participant_id == lou).values(**waits))
    note(office, activity.US, f"Jörg Straßer, login j, Canvas ID {number_in_canvas}", lou)
    note(office, activity.US, "A sign-up of JÖRG@EXÄMPLE.ORG waits.")
    note(office, activity.US, f"Mail for {unicodedata.normalize('NFD', 'jörg@exämple.org')}")
    note(office, "Jörg@Exämple.org", "imported", lou)
    note(office, "HOST.joerg@EXÄMPLE.org", "", number)
    upload(admin, "courses", "code,title\nBIO,Bio\n")
    for name, who in (("Jorg-Liste.csv", "boss@example.org"), ("list.csv", "host.JOERG@exämple.org")):
        session.add(
            Import(kind="courses", name=name, who=who, started_at=now, finished_at=now, total=1, done=1, refused=[])
        )
    session.commit()
    told = len(all_of(office.app, LogEntry))

    erase(admin, number, "Jörg Straßer")
    # What waits for a sign-in goes at once; others' with a longer email stay.
    assert "wanted@" not in everything_in_the_database(office)
    for waiting in (SignUp, Mail):
        assert {one.email for one in all_of(office.app, waiting)} == {"xjörg@xn--exmple-cua.org", "xnow@example.org"}
    office.deliver()
    left = everything_in_the_database(office)
    for trace in ("jörg", "jorg", "joerg", "straßer", "exämple.org", "now@", "host.", "j-77", "wanted@"):
        here = left.replace("xjörg@xn--exmple-cua.org", "").replace("xnow@example.org", "")
        assert traces.fold(trace) not in here, trace
    assert all_of(office.app, FormerEmail) == []
    # Others' rows are still theirs.
    assert len(all_of(office.app, LogEntry)) >= told
    session.expire_all()
    kept = session.get(Match, (office.seats()[-1].connection_id, lou)).candidates
    assert kept == [{"id": number_in_canvas}, other]
    assert [one.name for one in all_of(office.app, Import)] == ["file.csv", "", "list.csv"]


def test_whom_the_office_entered_is_erased_with_a_sign_up_that_waits(app, admin):
    office = Office(app, None)
    session = office.session
    session.add(Participant(email="Kim@example.org", name="Kim"))
    accounts.sign_up(session, clock.utc_now(), "kim@example.org", "Kim", "x", wanted="/?q=kim", by_mail=True)
    session.commit()
    assert admin.post(f"/tools/sign-ups/{all_of(app, SignUp)[0].id}/link").status_code == 200
    erase(admin, number_of(office, "Kim@example.org"))
    assert (all_of(app, SignUp), all_of(app, Mail)) == ([], [])
    office.deliver()
    assert "kim" not in everything_in_the_database(office)


def test_erasing_takes_nothing_out_that_is_others_doing(app, admin):
    """Nor can an administrator wipe a colleague's doings by lending their email to somebody and erasing that one."""
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
    told = {(entry.who, entry.words) for entry in all_of(app, LogEntry) if entry.what == "did"}
    assert told == {
        (who, f"connected as {who}") for who in ("rival@example.org", "kim.lee@example.org", "lee@example.org.uk")
    }


def test_who_gets_the_number_of_somebody_erased_gets_none_of_their_emails(app, admin):
    """SQLite gives it again, and checks no foreign key; a late request may remember one more."""
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


def test_emails_from_before_they_were_remembered_are_in_the_log(app, admin):
    """An installation that is upgraded learns them from there, as far as the log goes back."""
    office = Office(app, None)
    office.register(office.course("ART"), "kim")
    number = number_of(office)
    for name, email in (("Kim", "One@example.org"), ("Kim; email", "two@example.org"), ("Kim", "two@example.org")):
        form = {"name": name, "email": email, "sis_user_id": ""}
        assert admin.post(f"/tools/participants/{number}", data=form).status_code == 302
    before = sorted(one.email for one in all_of(app, FormerEmail))
    assert before == ["kim@example.org", "one@example.org"]
    office.session.remove()
    config = migrations()
    with app.extensions["sqlalchemy"].engine.connect() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "0007")
        connection.commit()
        alembic.command.upgrade(config, "head")
        connection.commit()
    assert sorted(one.email for one in all_of(app, FormerEmail)) == before


def test_who_is_erased_and_comes_back_at_once_is_not_asked_about_for_ever(office, canvas):
    course = office.course("ART", "art")
    registration = office.register(course)
    office.deliver()
    privacy.ask_to_erase(office.session, registration.participant, office.now, "boss@example.org", end_access=True)
    office.session.commit()
    office.register(course)
    # Until the first is erased, Canvas has one user for two participants.
    office.deliver()
    office.later(minutes=1)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.status()["questions"] == 0


def test_a_long_log_is_searched_in_small_units_while_others_are_delivered(office, admin, canvas, monkeypatch):
    """Whoever registers meanwhile is enrolled, though the log is long."""
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


def test_what_is_written_while_the_log_is_searched_is_found_too(office, admin, canvas, monkeypatch):
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
