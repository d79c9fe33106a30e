"""What a report shows of the file's own rows, as long as the file is kept and no longer."""

import re
from datetime import timedelta

from sqlalchemy import update

from ascriptica_plugin.office.imports import header, uploads
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.imports import Import

from ...pages import all_of, upload, words


def test_a_refused_row_is_shown_beside_its_reason_while_the_file_is_kept(here, admin):
    here.course("ART")
    report = upload(admin, "registrations", "email,name,course,status\nkim@example.org,Kim,ATR,registered\n")
    assert "Line 2 There is no course with this code. kim@example.org, Kim, ATR, registered" in words(report)
    [its] = all_of(here.app, Import)
    assert "kim" not in str(its.refused).lower() + str(its.outcomes).lower()
    uploads.forget_old(here.session, clock.utc_now() + timedelta(hours=2))
    here.session.commit()
    later = words(admin.get(report.request.path))
    assert "Line 2 There is no course with this code." in later
    assert "kim@example.org" not in later


def test_a_row_that_can_t_be_split_shows_what_there_is_of_it(app, admin):
    """One with too many cells, one that is too long to show, and one with quotation marks that don't go together."""
    data = f'email,name\nkim@example.org,Kim,more\nlou@example.org,{"x" * 900}\na"b,"c"d\n'
    report = words(upload(admin, "participants", data, dry_run="y"))
    assert "Line 2 This row has more cells than the first line has columns. kim@example.org, Kim" in report
    assert f"lou@example.org, {'x' * 282}… " in report
    assert "Line 4 The quotation marks in this row don't match" in report


def test_values_left_out_of_a_row_are_shown_with_the_row(app, admin):
    data = "email,name,sis_user_id\na@x.org,A,S-1\nb@x.org,B,S-1\n"
    report = upload(admin, "participants", data, dry_run="y")
    assert "Line 2 has the SIS ID S-1 too. b@x.org, B, S-1" in words(report)


def test_a_row_that_withdraws_somebody_says_so(here, admin):
    course = here.course("ART")
    here.register(course, "kim")
    data = "email,course,status\nkim@example.org,ART,withdrawn\n"
    report = words(upload(admin, "registrations", data, dry_run="y"))
    assert "Line 2 Withdrawn: kim@example.org, ART, withdrawn" in report
    assert "New 0 Changed 1 Unchanged 0 Refused 0" in report


def test_a_dry_run_of_the_release_before_is_shown(here, admin):
    """It stored what would become of each row, and not what the row would change."""
    report = upload(admin, "participants", "email,name\nkim@example.org,Kim\n", dry_run="y")
    here.session.execute(update(Import).values(outcomes=[[2, "made"]]))
    here.session.commit()
    assert "Line 2 New: kim@example.org, Kim" in words(admin.get(report.request.path))


def test_the_page_says_how_canvas_mails_in_two_sentences_where_we_mail_nobody(app, admin):
    app.extensions["ascriptica"].mailer = None
    page = words(admin.get("/tools/import"))
    assert "Your operator has not set up mails on this server, so we mail nobody. Where Canvas mails" in page


def test_the_buttons_stand_above_the_lines_in_the_part_that_updates_automatically(here, admin):
    here.course("ART")
    data = "email,name,course,status\nkim@example.org,Kim,ART,registered\nlou@example.org,Lou,ATR,registered\n"
    text = upload(admin, "registrations", data, dry_run="y").text
    report = text[text.index('<section id="report"') : text.index("</section>")]
    said = ("Import these now", "Download the refused rows", "Rows that can&#39;t be imported", "line by line")
    assert [report.find(one) for one in said] == sorted(text.index(one) - text.index(report) for one in said)


def test_the_choices_for_a_column_are_in_the_language_of_the_page(app, admin):
    files = {
        "courses": "code,Kurstitel\nART,Art\n",
        "registrations": "course,E-Mail,status,Vorname,Nachname\nART,kim@example.org,registered,Kim,Lee\n",
    }
    for kind, file in files.items():
        asked = upload(admin, kind, file)
        page = admin.get(asked.request.path, headers={"Accept-Language": "de"}).text
        offered = dict(re.findall(r'<option value="(\w+)"(?: selected)?>(.*?)</option>', page))
        assert set(offered) == set(header.fields(kind))
        assert {name for name, said in offered.items() if said.lower() == name.replace("_", " ")} <= {"name"}
        assert offered.get("last_name", "Nachname") == "Nachname"
