"""Tools → Import: an upload and its report."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ascriptica_plugin.office import mails_to_participants
from ascriptica_plugin.office.imports import file as csvfile
from ascriptica_plugin.office.imports import run as imports
from ascriptica_plugin.office.imports import uploads
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import Course, LogEntry, Participant
from ascriptica_plugin.worker import rounds

from ...office.imports.files import COURSES, PARTICIPANTS, everything
from ...office_at_work import sign_in
from ...pages import all_of, new_course, upload, words


def upload_bytes(client, data: str):
    """A large upload, whose body the test client would keep in a file that it leaves open."""
    parts = [
        '--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nparticipants',
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="f.csv"\r\n\r\n{data}',
        "--x--\r\n",
    ]
    return client.post(
        "/tools/import", data="\r\n".join(parts), content_type="multipart/form-data; boundary=x", follow_redirects=True
    )


def main_button(answer) -> str:
    [text] = re.findall(r"button-main[^>]*>(.*?)<", answer.text)
    return text


def test_a_trial_of_which_nothing_can_be_imported_offers_to_download_the_refused_rows(app, admin):
    tried = upload(admin, "participants", "email,name\nnobody,No\n", dry_run="y")
    assert main_button(tried) == "Download the refused rows with reasons"
    assert "Import these now" not in words(tried)
    assert "If you import the file, this happens" not in words(tried)
    assert "If you imported the file, nothing would change." in words(tried)


def test_a_trial_of_which_nothing_is_new_offers_to_send_another_file(app, admin):
    upload(admin, "participants", PARTICIPANTS)
    tried = upload(admin, "participants", PARTICIPANTS, dry_run="y")
    assert main_button(tried) == "Send the file again or another one"
    assert "Import these now" not in words(tried)


def test_a_trial_with_something_to_import_offers_to_import_it(app, admin):
    assert main_button(upload(admin, "participants", PARTICIPANTS + "nobody,No\n", dry_run="y")) == "Import these now"


def test_an_import_that_refuses_every_row_offers_to_download_them(app, admin):
    refused = upload(admin, "participants", "email,name\nnobody,No\n")
    assert main_button(refused) == "Download the refused rows with reasons"


def test_the_report_names_who_sent_the_file_as_the_activity_log_does(app, admin):
    assert "Sent by boss@example.org, " in words(upload(admin, "participants", PARTICIPANTS))
    upload(admin, "participants", "email,name\nboss@example.org,Bo Boss\n")
    assert "Sent by Bo Boss, " in words(upload(admin, "participants", PARTICIPANTS))


def test_the_page_says_that_a_file_puts_nobody_on_a_waitlist(admin):
    said = (
        "If the course is full, the row is refused, since a file puts nobody on the waitlist: give the course more "
        "places, or use the form on its roster."
    )
    assert said in words(admin.get("/tools/import"))


def test_an_upload_shows_the_same_report_as_the_command(app, admin):
    data = PARTICIPANTS + "nobody,No\n"
    answer = upload(admin, "participants", data, dry_run="y")
    assert "only tried out" in words(answer)
    assert '<a class="button" href="/tools/import?kind=participants">' in answer.text
    assert '<option selected value="participants">' in admin.get("/tools/import?kind=participants").text
    assert words_of_counts(answer) == ["New", "2", "Changed", "0", "Unchanged", "0", "Refused", "1"]
    assert "Line 4 That is not an email address." in words(answer)
    assert all_of(app, Participant) == []
    answer = upload(admin, "participants", data)
    assert "2 of 3 rows are imported" in words(answer)
    assert len(all_of(app, Participant)) == 2
    assert {one.who for one in all_of(app, LogEntry)} == {"boss@example.org"}
    assert "The file is imported." in words(upload(admin, "courses", COURSES))


@pytest.mark.parametrize("tick", [{}, {"notify": "y"}])
def test_a_person_whom_an_upload_registers_is_mailed_if_it_is_ticked(app, office, canvas, admin, tick):
    office.course("ART", "art")
    upload(admin, "participants", "email,name\nkim@example.org,Kim\n")
    # Trying it out first keeps the choice.
    tried = upload(admin, "registrations", "email,course,status\nkim@example.org,ART,registered\n", dry_run="y", **tick)
    now = re.search(r'action="(/tools/import/\d+/now)"', tried.text)[1]
    assert "The file is imported." in words(admin.post(now, follow_redirects=True))
    office.settle(2)
    mails_to_participants.note_who_is_in(office.session, office.now, by_mail=True)
    assert [one.kind for one in all_of(app, Mail)] == (["in"] if tick else [])


def words_of_counts(answer) -> list[str]:
    return re.search(r"New \d+ Changed \d+ Unchanged \d+ Refused \d+", words(answer))[0].split()


def test_the_page_writes_its_numbers_in_the_language_of_each_who_sees_it(admin):
    for language, number in (("en", "20,000 rows"), ("de", "20.000 Zeilen"), ("en", "20,000 rows")):
        assert number in words(admin.get("/tools/import", headers={"Accept-Language": language}))


def test_the_choices_on_the_form_are_kept_after_a_mistake(admin):
    answer = admin.post("/tools/import", data={"kind": "registrations", "dry_run": "y"})
    assert answer.status_code == 422
    assert "Choose a file." in words(answer)
    assert '<option selected value="registrations">' in answer.text
    assert "checked" in answer.text


def test_every_refused_row_is_shown_a_hundred_a_page(admin):
    answer, found = upload(admin, "participants", "email,name\n" + "x,X\n" * 250), []
    for where in ("1–100 of 250", "101–200 of 250", "201–250 of 250"):
        assert where in words(answer)
        found += re.findall(r"Line (\d+) That is not an email address", words(answer))
        on = re.search(r'rel="next" href="([^"]+)', answer.text)
        answer = admin.get(on[1]) if on else answer
    assert found == [str(line) for line in range(2, 252)]
    for odd in ("x", "-1", "99999999999", "٣"):
        assert admin.get(answer.request.path, query_string={"refused": odd}).status_code == 200


def test_a_dry_run_shows_for_every_line_what_would_change(here, admin):
    here.course("ART", title="Art", capacity=9)
    data = "code,title,capacity\nART,Art,12\n" + "".join(f"C{n},Course {n},\n" for n in range(120))
    first = upload(admin, "courses", data, dry_run="y")
    assert "Line 2 Changed: ART, Art, 12 places: 9 → 12 Line 3 New: C0, Course 0" in words(first)
    second = words(admin.get(re.search(r'rel="next" href="([^"]+)', first.text)[1]))
    assert "101–121 of 121" in second
    assert "Line 122 New: C119, Course 119" in second
    upload(admin, "participants", "email,name\nkim@example.org,Kim\n")
    data = "email,name,sis_user_id\nkim@example.org,Kim Lee,S-1\n"
    tried = upload(admin, "participants", data, dry_run="y", rename="y")
    assert "name: Kim → Kim Lee; SIS ID: none → S-1" in words(tried)
    # The outcomes are deleted with the file, since they say things about people.
    uploads.forget_old(here.session, clock.utc_now() + timedelta(hours=2))
    here.session.commit()
    assert not any(one.outcomes for one in all_of(here.app, Import))
    assert "Kim Lee" not in words(admin.get(tried.request.path))


def test_an_upload_may_be_larger_than_other_forms_up_to_a_limit(admin, monkeypatch):
    row = "new@example.org,New\n"
    data = "email,name\n" + row + "\n" * 1_500_000
    assert upload_bytes(admin, data).status_code == 200
    assert admin.post("/tools/participants", data={"x": "y" * 1_500_000}).status_code in (405, 413)
    assert admin.post("/tools/courses/new", data={"title": "y" * 1_500_000}).status_code == 413
    answer = upload_bytes(admin, "email,name\n" + row + "\n" * uploads.LARGEST_UPLOAD)
    assert answer.status_code == 422
    assert "larger than 5 MB" in words(answer)
    monkeypatch.setattr(csvfile, "LARGEST_FILE", uploads.LARGEST_UPLOAD)
    assert upload_bytes(admin, "email,name\n" + row + "\n" * 7_000_000).status_code == 413
    monkeypatch.setattr(uploads, "MOST_ROWS", 3)
    answer = upload(admin, "participants", "email,name\n" + row * 4)
    assert "more than 3 rows" in words(answer)


def test_a_long_file_is_imported_by_the_worker_and_its_page_shows_the_progress(app, admin, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 3)
    monkeypatch.setattr(pauses, "IMPORT_AT_ONCE_SECONDS", 0)
    data = "email,name\nnobody,No\n" + "".join(f"p{n}@example.org,P{n}\n" for n in range(9))
    answer = upload(admin, "participants", data)
    address = answer.request.path
    assert "0 of 10 rows done" in words(answer)
    assert "data-moving" in answer.text
    assert "in progress" in words(admin.get("/tools/import"))
    session, steps = app.extensions["sqlalchemy"].session, iter([False, False, True])
    assert uploads.go_on(session, clock.utc_now, lambda: next(steps))
    assert "6 of 10 rows done" in words(admin.get(address))
    assert len(all_of(app, Participant)) == 5
    rounds.take_files_in(app)
    answer = admin.get(address)
    assert "9 of 10 rows are imported" in words(answer)
    assert "Line 2 That is not an email address." in words(answer)
    assert "data-moving" not in answer.text
    assert len(all_of(app, Participant)) == 9
    assert words_of_counts(upload(admin, "participants", data, dry_run="y"))[1] == "0"
    rounds.take_files_in(app)
    before = everything(app)
    assert len(all_of(app, Import)) == 2
    upload(admin, "participants", data)
    rounds.take_files_in(app)
    assert everything(app) == before
    first, *again = sorted(all_of(app, Import), key=lambda one: one.id)
    assert (first.made, first.changed, first.unchanged) == (9, 0, 0)
    assert [(one.made, one.changed, one.unchanged) for one in again] == [(0, 0, 9)] * 2


def test_participants_can_t_import(app, client):
    sign_in(client, app, "kim@example.org")
    assert client.get("/tools/import").status_code == 403
    assert upload(client, "participants", PARTICIPANTS).status_code == 403


class Unread(io.BytesIO):
    """A body that nobody may read."""

    def read(self, *_) -> bytes:
        raise AssertionError("the body was read")

    readinto = readline = read


@pytest.mark.parametrize("who", [None, "kim@example.org"])
def test_a_file_is_not_read_if_its_sender_may_not_open_the_page(app, client, monkeypatch, who):
    """Checking the form's own token would read it."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    if who:
        sign_in(client, app, who)
    sent = Unread(bytes(20_000_000))
    answer = client.post("/tools/import", input_stream=sent, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == (403 if who else 302)
    assert who or answer.location.partition("?")[0] == "/sign-in"


OTHER_NAMES = "Vorname,Nachname,E-Mail,Telefon\nInes,Alt,ines@example.org,1\nJuri,Berg,juri@example.org,2\n"


def test_other_names_of_columns_are_offered_and_nothing_happens_before_they_are_confirmed(app, admin):
    asked = upload(admin, "participants", OTHER_NAMES)
    assert "What is in each column?" in words(asked)
    assert "<h1>Participants from " in asked.text
    offered = re.findall(r'<select id="(column-\d)".*?</select>', asked.text, re.DOTALL)
    chosen = dict(re.findall(r'name="(column-\d)">(?:(?!</select>).)*value="(\w+)" selected', asked.text, re.DOTALL))
    assert len(offered) == 4
    assert chosen == {"column-0": "first_name", "column-1": "last_name", "column-2": "email"}
    rounds.take_files_in(app)
    assert all_of(app, Participant) == []
    assert ": Participants, waits for you to say what its columns are" in words(admin.get("/tools/import"))
    address = asked.request.path
    wrong = admin.post(f"{address}/columns", data={"column-0": "name", "column-3": "name"})
    assert wrong.status_code == 422
    assert "Choose only one column for Name." in words(wrong)
    answer = admin.post(f"{address}/columns", data=chosen, follow_redirects=True)
    assert "The file is imported. " in words(answer)
    assert "Ignored columns: Telefon." in words(answer)
    assert [(one.name, one.email) for one in all_of(app, Participant)] == [
        ("Ines Alt", "ines@example.org"),
        ("Juri Berg", "juri@example.org"),
    ]
    before = everything(app)
    assert admin.post(f"{address}/columns", data={"column-2": "email"}, follow_redirects=True).status_code == 200
    assert everything(app) == before


def test_a_person_may_choose_other_columns_than_those_offered(app, admin):
    address = upload(admin, "participants", OTHER_NAMES, dry_run="y").request.path
    chosen = {"column-1": "name", "column-2": "email", "column-3": "sis_user_id"}
    answer = admin.post(f"{address}/columns", data=chosen, follow_redirects=True)
    assert "only tried out" in words(answer)
    address = upload(admin, "participants", OTHER_NAMES).request.path
    admin.post(f"{address}/columns", data=chosen)
    assert [(one.name, one.sis_user_id) for one in all_of(app, Participant)] == [("Alt", "1"), ("Berg", "2")]


def test_a_file_whose_columns_nobody_confirms_is_deleted_after_a_while(app, admin):
    address = upload(admin, "participants", OTHER_NAMES).request.path
    session, [its] = app.extensions["sqlalchemy"].session, all_of(app, Import)
    uploads.forget_old(session, its.started_at + pauses.IMPORT_WAITS)
    assert len(all_of(app, Import)) == 1
    uploads.forget_old(session, its.started_at + pauses.IMPORT_WAITS * 1.01)
    session.commit()
    assert admin.get(address).status_code == 404
    assert admin.post(f"{address}/columns").status_code == 404


def test_names_are_replaced_where_the_box_is_ticked(app, admin):
    upload(admin, "participants", PARTICIPANTS)
    data = "email,name\nkim@example.org,Lou Berg\n"
    refused = words(upload(admin, "participants", data))
    assert "Line 2 Here, the email kim@example.org belongs to Kim." in refused
    # The option is the command's.
    assert "If their name has changed, import it with “Rename people”. " in refused
    assert "--rename" not in refused
    assert "The file is imported." in words(upload(admin, "participants", data, rename="y"))
    assert [one.name for one in all_of(app, Participant)] == ["Lou Berg", "Lou"]


def test_values_left_out_of_a_row_are_listed_apart(app, admin):
    answer = upload(admin, "participants", "email,name,sis_user_id\na@x.org,A,S-1\nb@x.org,B,S-1\n")
    assert "The file is imported, but not all of each row." in words(answer)
    assert "Imported, but not all of it" in words(answer)
    assert "Line 3 Imported without the SIS ID. Line 2 has the SIS ID S-1 too." in words(answer)


def pressed(client, answer, words_on_it: str, **options):
    """What the form of that button on the page answers."""
    form = next(form for form in re.findall(r"<form.*?</form>", answer.text, re.DOTALL) if words_on_it in form)
    return client.post(re.search(r'action="([^"]+)"', form)[1], **options)


def test_a_dry_run_is_shown_line_by_line_and_imported_without_sending_it_again(app, admin):
    tried = upload(admin, "participants", PARTICIPANTS + "nobody,No\n", dry_run="y")
    assert "Line 2 New: kim@example.org, Kim" in words(tried)
    assert all_of(app, Participant) == []
    done = pressed(admin, tried, "Import these now", follow_redirects=True)
    assert "2 of 3 rows are imported" in words(done)
    assert len(all_of(app, Participant)) == 2


def test_columns_that_were_confirmed_need_not_be_confirmed_again(app, admin):
    answer = upload(admin, "participants", "E-Mail,Nachname\nkim@example.org,Lee\n", dry_run="y")
    path = re.search(r'action="([^"]+/columns)"', answer.text)[1]
    tried = admin.post(path, data={"column-0": "email", "column-1": "last_name"}, follow_redirects=True)
    assert "The file is imported." in words(pressed(admin, tried, "Import these now", follow_redirects=True))
    assert [one.name for one in all_of(app, Participant)] == ["Lee"]


def test_refused_rows_can_be_downloaded_with_reasons_and_imported_once_mended(app, admin):
    answer = upload(admin, "participants", "email,name\nkim@example.org,Kim\nnobody,Lou\n")
    file = pressed(admin, answer, "Download the refused rows").get_data(as_text=True)
    assert (
        file.splitlines()[1]
        == '"nobody","Lou","That is not an email address. An email address looks like ann@example.org."'
    )
    mended = upload(admin, "participants", file.replace("nobody", "lou@example.org"))
    assert "The file is imported." in words(mended)
    assert "Ignored columns" not in words(mended)
    assert len(all_of(app, Participant)) == 2


def test_refused_rows_keep_the_name_of_a_column_that_says_how_names_are_written(app, admin):
    data = 'email,"Nachname, Vorname"\nnobody,"Alt Ríos, Ana Inés"\n'
    path = r'action="([^"]+/columns)"'
    columns = {"column-0": "email", "column-1": "name"}
    answer = admin.post(
        re.search(path, upload(admin, "participants", data).text)[1], data=columns, follow_redirects=True
    )
    file = pressed(admin, answer, "Download the refused rows").get_data(as_text=True)
    mended = upload(admin, "participants", file.replace("nobody", "ana@example.org"))
    admin.post(re.search(path, mended.text)[1], data=columns | {"column-2": ""})
    assert [one.name for one in all_of(app, Participant)] == ["Ana Inés Alt Ríos"]


def test_the_page_says_how_many_people_are_new(office, admin):
    office.course("ART")
    tried = upload(
        admin, "registrations", "email,name,course,status\nkim@example.org,Kim,ART,registered\n", dry_run="y"
    )
    assert "1 new participant." in words(tried)
    assert "Line 2 New, with a new participant: kim@example.org, Kim, ART, registered" in words(tried)
    assert "1 new participant." in words(pressed(admin, tried, "Import these now", follow_redirects=True))


def test_refused_rows_keep_every_column_of_the_file(office, admin):
    office.course("ART")
    data = "Notes,email,Last name,First name,,course,status\nVIP,nobody,Alt,Ines,+1,ART,registered,more\n"
    asked = upload(admin, "registrations", data)
    path = re.search(r'action="([^"]+/columns)"', asked.text)[1]
    columns = ["", "email", "last_name", "first_name", "", "course", "status"]
    answer = admin.post(path, data={f"column-{at}": it for at, it in enumerate(columns)}, follow_redirects=True)
    file = pressed(admin, answer, "Download the refused rows").get_data(as_text=True)
    reason = "This row has more cells than the first line has columns."
    assert list(csv.reader(io.StringIO(file.removeprefix("\ufeff")))) == [
        ["Notes", "email", "last_name", "first_name", "", "course", "status", "reason"],
        ["VIP", "nobody", "Alt", "Ines", "'+1", "ART", "registered", reason, "more"],
    ]
    mended = upload(admin, "registrations", file.replace(',"more"', "").replace("nobody", "ines@example.org"))
    path = re.search(r'action="([^"]+/columns)"', mended.text)[1]
    columns = [*columns, ""]
    answer = admin.post(path, data={f"column-{at}": it for at, it in enumerate(columns)}, follow_redirects=True)
    assert "1 new participant." in words(answer)


def test_cells_that_our_files_mark_against_formulas_are_read_as_they_were(app, admin):
    answer = upload(admin, "participants", "email,name\n+kim@example.org,=Kim\n+lou,O'Neil\n")
    file = pressed(admin, answer, "Download the refused rows").get_data(as_text=True)
    assert '"\'+lou"' in file
    upload(admin, "participants", file.replace("+lou", "+lou@example.org"))
    assert {(one.email, one.name) for one in all_of(app, Participant)} == {
        ("+kim@example.org", "=Kim"),
        ("+lou@example.org", "O'Neil"),
    }


def test_a_file_that_was_tried_out_is_deleted_after_an_hour(app, admin, session):
    tried = upload(admin, "participants", PARTICIPANTS, dry_run="y")
    uploads.forget_old(session, clock.utc_now() + timedelta(minutes=61))
    session.commit()
    assert all_of(app, Import)[0].file is None
    answer = pressed(admin, tried, "Import these now", follow_redirects=True)
    assert "That file is not here any more. Send it again." in words(answer)
    assert "Import these now" not in words(answer)


@pytest.mark.parametrize("kind", ["courses", "participants", "registrations"])
def test_the_template_of_each_kind_can_be_imported_as_it_is(office, admin, kind):
    office.course("FOOD-101")
    office.register(office.course("ART"), "ann")
    file = admin.get(f"/tools/import/template/{kind}.csv").get_data(as_text=True)
    assert "Ignored columns" not in words(upload(admin, kind, file, dry_run="y"))
    assert "Refused 0" in words(upload(admin, kind, file.replace("Ann Lee", "Ann"), dry_run="y"))
    assert admin.get("/tools/import/template/people.csv").status_code == 404


def test_a_trial_shows_the_times_of_courses_in_the_office_s_zone_also_of_new_ones(app, admin):
    app.extensions["ascriptica"].timezone = ZoneInfo("Europe/Berlin")
    file = "code,title,starts_at,ends_at,registration_closes_at\nART,Art,1.3.2027,26.04.2027,2/28/2027 6:00 PM\n"
    times = "starts: 2027-03-01 00:00 CET; ends: 2027-04-26 23:59 CEST; registration closes: 2027-02-28 18:00 CET"
    tried = upload(admin, "courses", file, dry_run="y")
    assert f"Line 2 New: ART, Art, 1.3.2027, 26.04.2027, 2/28/2027 6:00 PM {times}" in words(tried)
    pressed(admin, tried, "Import these now")
    [course] = all_of(app, Course)
    assert course.ends_at == datetime(2027, 4, 26, 21, 59, tzinfo=UTC)
    tried = upload(admin, "courses", "code,ends_at\nART,27.4.2027\n", dry_run="y")
    assert "ends: 2027-04-26 23:59 CEST → 2027-04-27 23:59 CEST" in words(tried)
    assert "Unchanged 1" in words(upload(admin, "courses", file))


def test_a_course_may_begin_and_end_on_one_day(app, admin):
    page = upload(admin, "courses", "code,title,starts_at,ends_at\nART,Art,2027-03-01 18:00,2027-03-01\n")
    assert "The file is imported." in words(page)


def test_saving_the_form_of_an_imported_course_leaves_its_last_day(app, admin):
    """The form has no seconds."""
    upload(admin, "courses", "code,title,ends_at\nART,Art,2027-04-26\n")
    [course] = all_of(app, Course)
    shown = re.search(r'name="ends_at"[^>]* value="([^"]+)"', admin.get("/tools/courses/ART/edit").text)[1]
    admin.post("/tools/courses/ART/edit", data=new_course(title="Art anew", ends_at=shown))
    [course] = all_of(app, Course)
    assert (course.title, course.ends_at) == ("Art anew", datetime(2027, 4, 26, 23, 59, tzinfo=UTC))


def test_dates_are_the_office_s_and_may_be_past(app, admin):
    app.extensions["ascriptica"].timezone = ZoneInfo("Europe/Berlin")
    times = "2020-03-01,2020-07-01 18:00,2020-02-28T12:00+00:00"
    rows = f"code,title,starts_at,ends_at,registration_closes_at\nOLD,Old,{times}\n"
    assert "The file is imported." in words(upload(admin, "courses", rows))
    [course] = all_of(app, Course)
    assert course.starts_at == datetime(2020, 2, 29, 23, tzinfo=UTC)
    assert course.ends_at == datetime(2020, 7, 1, 16, tzinfo=UTC)
    assert course.registration_closes_at == datetime(2020, 2, 28, 12, tzinfo=UTC)
    wrong = "code,starts_at,ends_at\nOLD,soon,\nOLD,,2019-01-01\n"
    page = words(upload(admin, "courses", wrong))
    assert "Line 2 Write the first day like 2027-03-01 18:00 (starts_at)." in page
    assert "Line 3 The course can't end before it starts." in page
