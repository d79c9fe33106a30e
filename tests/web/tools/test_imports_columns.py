"""Tools → Import: the columns of a file, as we and others name them, and what our own files keep of them."""

import csv
import io
import re

import pytest

from ascriptica_plugin.office.imports import uploads
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.office import Participant
from ascriptica_plugin.worker import rounds

from ...office.imports.files import everything
from ...pages import all_of, pressed, upload, words

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


def test_columns_that_were_confirmed_need_not_be_confirmed_again(app, admin):
    answer = upload(admin, "participants", "E-Mail,Nachname\nkim@example.org,Lee\n", dry_run="y")
    path = re.search(r'action="([^"]+/columns)"', answer.text)[1]
    tried = admin.post(path, data={"column-0": "email", "column-1": "last_name"}, follow_redirects=True)
    assert "The file is imported." in words(pressed(admin, tried, "Import these now", follow_redirects=True))
    assert [one.name for one in all_of(app, Participant)] == ["Lee"]


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


@pytest.mark.parametrize("kind", ["courses", "participants", "registrations"])
def test_the_template_of_each_kind_can_be_imported_as_it_is(office, admin, kind):
    office.course("FOOD-101")
    office.register(office.course("ART"), "ann")
    file = admin.get(f"/tools/import/template/{kind}.csv").get_data(as_text=True)
    assert "Ignored columns" not in words(upload(admin, kind, file, dry_run="y"))
    assert "Refused 0" in words(upload(admin, kind, file.replace("Ann Lee", "Ann"), dry_run="y"))
    assert admin.get("/tools/import/template/people.csv").status_code == 404
