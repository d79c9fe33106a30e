"""Tools → Import: the report of a trial or an import, and what can be done next."""

import re
from datetime import timedelta

from ascriptica_plugin.office.imports import uploads
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.office import Participant

from ...office.imports.files import PARTICIPANTS
from ...pages import all_of, pressed, upload, words


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


def test_the_page_writes_its_numbers_in_the_language_of_each_who_sees_it(admin):
    for language, number in (("en", "20,000 rows"), ("de", "20.000 Zeilen"), ("en", "20,000 rows")):
        assert number in words(admin.get("/tools/import", headers={"Accept-Language": language}))


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


def test_values_left_out_of_a_row_are_listed_apart(app, admin):
    answer = upload(admin, "participants", "email,name,sis_user_id\na@x.org,A,S-1\nb@x.org,B,S-1\n")
    assert "The file is imported, but not all of each row." in words(answer)
    assert "Imported, but not all of it" in words(answer)
    assert "Line 3 Imported without the SIS ID. Line 2 has the SIS ID S-1 too." in words(answer)


def test_a_dry_run_is_shown_line_by_line_and_imported_without_sending_it_again(app, admin):
    tried = upload(admin, "participants", PARTICIPANTS + "nobody,No\n", dry_run="y")
    assert "Line 2 New: kim@example.org, Kim" in words(tried)
    assert all_of(app, Participant) == []
    done = pressed(admin, tried, "Import these now", follow_redirects=True)
    assert "2 of 3 rows are imported" in words(done)
    assert len(all_of(app, Participant)) == 2


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


def test_the_page_says_how_many_people_are_new(office, admin):
    office.course("ART")
    tried = upload(
        admin, "registrations", "email,name,course,status\nkim@example.org,Kim,ART,registered\n", dry_run="y"
    )
    assert "1 new participant." in words(tried)
    assert "Line 2 New, with a new participant: kim@example.org, Kim, ART, registered" in words(tried)
    assert "1 new participant." in words(pressed(admin, tried, "Import these now", follow_redirects=True))


def test_a_file_that_was_tried_out_is_deleted_after_an_hour(app, admin, session):
    tried = upload(admin, "participants", PARTICIPANTS, dry_run="y")
    uploads.forget_old(session, clock.utc_now() + timedelta(minutes=61))
    session.commit()
    assert all_of(app, Import)[0].file is None
    answer = pressed(admin, tried, "Import these now", follow_redirects=True)
    assert "That file is not here any more. Send it again." in words(answer)
    assert "Import these now" not in words(answer)
