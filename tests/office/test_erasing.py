"""A participant's own data: all of it in one file, and all of it forgotten, without losing what Canvas still needs."""

import json
import re
import unicodedata
from dataclasses import replace

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from ascriptica_plugin.ledger import activity
from ascriptica_plugin.office import erasing, people, registrations, traces
from ascriptica_plugin.shared import clock
from ascriptica_plugin.shared.said import Said
from ascriptica_plugin.standalone.accounts import accounts, sign_ups
from ascriptica_plugin.standalone.accounts.tables import Account, SignUp
from ascriptica_plugin.tables.columns import begin_writing
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.ledger import Match, Seat
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Course, FormerEmail, LogEntry, Participant, Registration
from ascriptica_plugin.worker import rounds

from ..office_at_work import PASSWORD, Office, during_the_first_call, sign_in
from ..pages import all_of, upload, words
from .erasing import erase, everything_in_the_database, note, number_of


def test_a_person_s_export_has_all_their_data_and_nobody_else_s(office, admin, canvas):
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
        "language": None,
        "to_be_erased_since": None,
    }
    assert held["sign_in"] is None, "the host's own"
    [registration] = held["registrations"]
    assert (registration["code"], registration["status"]) == ("ART", "registered")
    [access] = held["canvas_access"]
    assert (access["canvas_url"], access["state_in_canvas"]) == (canvas.api, "active")
    assert held["canvas_users"][0]["canvas_user_id"] == canvas.ids["user.kim"]
    written = [(entry["what"], entry["who"], entry["words"]) for entry in held["log"]]
    assert ("registered", "the participant", "") in written
    assert ("corrected", "the office", "name: K → Kim") in written
    assert ("exported", "the office", "") in written
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

    # At once: withdrawn, no sign-in; the person who waited has moved up. Not yet: who it is, since Canvas is not done.
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
    written = {(one.who, one.what) for one in all_of(app, LogEntry) if one.participant_id == nobody[0].id}
    assert {
        ("boss@example.org", "asked to erase"),
        ("an erased participant", "registered"),
        ("Ascriptica", "erased"),
    } <= written

    # Nobody is found, corrected, or erased.
    assert "Erased participant" not in words(client.get("/tools/participants"))
    assert "Erased participant" in words(client.get("/tools/courses/ART"))
    page = client.get(f"/tools/participants/{nobody[0].id}")
    assert "The data of this person was deleted" in words(page)
    assert "erase" not in page.text.replace("Erased", "").replace("erased@", "")
    assert client.post(f"/tools/participants/{nobody[0].id}", data={"name": "Kim"}).status_code == 200
    assert erase(client, nobody[0].id).status_code == 302
    assert [one.name for one in all_of(app, Participant) if one.erased_at] == ["Erased participant"]


def test_a_person_who_had_another_email_and_a_link_is_erased_with_both(app, admin):
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


def test_enrollments_stay_in_canvas_where_the_office_says_so(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    assert erase(admin, number_of(office), end_access="").status_code == 302
    assert office.deliver() == []
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert "kim@" not in everything_in_the_database(office)


def test_a_person_s_identity_is_kept_as_long_as_canvas_needs_it(office, admin, canvas):
    """The answer to enrolling was lost, so nothing but the email shows whose enrollment is to be looked for."""
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


def test_somebody_whose_access_can_t_end_can_be_erased_without_and_late_writes_are_removed(office, admin, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    [seat] = office.seats()
    canvas.options(permissions={"without": ["remove_student_from_course", "manage_students"]})
    number, connection_id = number_of(office), seat.connection_id
    erase(admin, number)
    office.deliver()
    assert office.status()["seats"]["held"] == 1
    # A person who comes back meanwhile begins anew, and stays.
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


def test_an_answer_that_comes_after_an_erasure_settles_nobody_else_s_seat(office, canvas, monkeypatch):
    """SQLite gives the seat's id to the next seat that is made."""
    course_id = office.register(office.course("ART", "art"), "kim").course_id
    office.session.commit()

    def erase_and_register_another():
        kim = office.session.get(Participant, number_of(office))
        erasing.ask_to_erase(office.session, kim, office.now, "boss@example.org", end_access=False)
        office.session.commit()
        office.register(office.session.get(Course, course_id), "lou")

    during_the_first_call(office, monkeypatch, erase_and_register_another)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active", "lou@example.org": "active"}
    office.withdraw(office.session.get(Course, course_id), "lou")
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active", "lou@example.org": "deleted"}


def test_nobody_erases_themselves_and_participants_erase_nobody(app, admin):
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


def test_nothing_is_left_of_somebody_in_any_column_of_any_table(office, admin, canvas):
    """The log, files, mails and others' questions knew them by an earlier email.

    Not every database takes the letters in it for the same.
    """
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
        sign_ups.sign_up(session, now, f"x{email}", "Nobody's", "x", by_mail=True)
        session.add(SignUp(id=email[:5] * 3, email=email, name="Jörg St.", password_hash="x", made_at=now))
        session.add(Mail(kind="password", email=email, made_at=now, try_at=now))
    session.commit()
    number_in_canvas = all_of(office.app, Match)[0].canvas_user_id
    assert number_in_canvas
    # Rows of others that mention him.
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
    about_the_file = {
        "file": Said("file_courses"),
        "done": Said("import_done", made=1, changed=0, unchanged=0, refused=0),
    }
    for name in ("Jorg-Liste.csv", "summer.csv"):
        words = Said("import_of", name=name, **about_the_file)
        activity.note(session, now, "boss@example.org", "imported", words)
    note(office, "HOST.joerg@EXÄMPLE.org", "", number)
    upload(admin, "courses", "code,title\nBIO,Bio\n")
    for name, who in (("Jorg-Liste.csv", "boss@example.org"), ("list.csv", "host.JOERG@exämple.org")):
        session.add(
            Import(kind="courses", name=name, who=who, started_at=now, finished_at=now, total=1, done=1, refused=[])
        )
    session.commit()
    written = len(all_of(office.app, LogEntry))

    erase(admin, number, "Jörg Straßer")
    # Sign-ups and mails that wait for him go at once; those of others with a longer email stay.
    assert "wanted@" not in everything_in_the_database(office)
    for waiting in (SignUp, Mail):
        assert {one.email for one in all_of(office.app, waiting)} == {"xjörg@xn--exmple-cua.org", "xnow@example.org"}
    office.deliver()
    left = everything_in_the_database(office)
    for trace in ("jörg", "jorg", "joerg", "straßer", "exämple.org", "now@", "host.", "j-77", "wanted@"):
        here = left.replace("xjörg@xn--exmple-cua.org", "").replace("xnow@example.org", "")
        assert traces.fold(trace) not in here, trace
    assert all_of(office.app, FormerEmail) == []
    files = [str(one.words) for one in all_of(office.app, LogEntry) if one.what == "imported" and one.words]
    said = "courses: 1 new, 0 changed, 0 unchanged, 0 refused"
    assert [one for one in files if said in one] == [said, f"summer.csv, {said}", f"file.csv, {said}"]
    # Others' rows are still theirs.
    assert len(all_of(office.app, LogEntry)) >= written
    session.expire_all()
    kept = session.get(Match, (office.seats()[-1].connection_id, lou)).candidates
    assert kept == [{"id": number_in_canvas}, other]
    assert [one.name for one in all_of(office.app, Import)] == ["file.csv", "", "list.csv"]


def test_a_person_whom_the_office_entered_is_erased_with_a_sign_up_that_waits(app, admin):
    office = Office(app, None)
    session = office.session
    session.add(Participant(email="Kim@example.org", name="Kim"))
    sign_ups.sign_up(session, clock.utc_now(), "kim@example.org", "Kim", "x", wanted="/?q=kim", by_mail=True)
    session.commit()
    assert admin.post(f"/tools/sign-ups/{all_of(app, SignUp)[0].id}/link").status_code == 200
    erase(admin, number_of(office, "Kim@example.org"))
    assert (all_of(app, SignUp), all_of(app, Mail)) == ([], [])
    office.deliver()
    assert "kim" not in everything_in_the_database(office)


def test_somebody_who_comes_back_right_after_being_erased_is_not_asked_about_for_ever(office, canvas):
    course = office.course("ART", "art")
    registration = office.register(course)
    office.deliver()
    erasing.ask_to_erase(office.session, registration.participant, office.now, "boss@example.org", end_access=True)
    office.session.commit()
    office.register(course)
    # Until the first is erased, Canvas has one user for two participants.
    office.settle(minutes=1)
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert office.status()["questions"] == 0
