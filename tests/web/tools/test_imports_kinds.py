"""A file that was sent as another kind than it is: asked about once, and imported without choosing it again."""

import pytest

from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.office import Participant, Registration
from ascriptica_plugin.worker import rounds

from ...pages import all_of, pressed, upload, words

REGISTRATIONS = "email,name,course,status\nkim@example.org,Kim,ART,registered\n"


def test_a_file_of_registrations_that_was_sent_as_courses_is_imported_by_one_button(office, admin):
    office.course("ART")
    asked = upload(admin, "courses", REGISTRATIONS)
    assert "You chose Courses, and the file has the columns of Registrations." in words(asked)
    assert "other names for its columns" not in words(asked)
    rounds.take_files_in(office.app)
    assert all_of(office.app, Participant) == []
    columns = {f"column-{at}": name for at, name in enumerate(("email", "name", "course", "status"))}
    for name, column in columns.items():
        assert f'name="{name}"' in asked.text
        assert f'<option value="{column}" selected>' in asked.text
    done = pressed(admin, asked, "Import it as registrations", data=columns, follow_redirects=True)
    assert "The file is imported." in words(done)
    assert [one.status for one in all_of(office.app, Registration)] == ["registered"]
    assert [one.kind for one in all_of(office.app, Import)] == ["registrations"]


@pytest.mark.parametrize(
    ("chosen", "line", "kind"),
    [
        ("courses", "email,name", "participants"),
        ("participants", "code,title,capacity", "courses"),
        ("courses", "E-Mail;Vorname;Nachname", "participants"),
        # A column is forgotten, or none is known.
        ("registrations", "email,name,course", None),
        ("registrations", "email,name", None),
        ("courses", "Phone,Street", None),
    ],
)
def test_another_kind_is_offered_only_if_more_columns_fit_it(app, admin, chosen, line, kind):
    answer = upload(admin, chosen, f"{line}\na,b,c\n")
    assert [one.kind for one in all_of(app, Import)] == ([kind] if kind else [])
    assert ("You chose" in words(answer)) == bool(kind)
    assert kind or "There is no column" in words(answer)


def test_a_file_without_rows_says_so_and_no_other_kind_is_offered(app, admin):
    answer = upload(admin, "courses", "email,name\n")
    assert answer.status_code == 422
    assert "The file has a header and no rows." in words(answer)
    assert "You chose" not in words(answer)
    assert all_of(app, Import) == []


def test_a_column_that_was_to_be_ignored_stays_ignored_when_a_trial_is_imported(office, admin):
    office.course("ART")
    upload(admin, "participants", "email,name\nkim@example.org,Kim\n")
    asked = upload(admin, "courses", "email,name,course,status\nkim@example.org,Kim Lee,ART,registered\n", dry_run="y")
    columns = {"column-0": "email", "column-1": "", "column-2": "course", "column-3": "status"}
    tried = pressed(admin, asked, "Try it out", data=columns, follow_redirects=True)
    assert "New 1 Changed 0 Unchanged 0 Refused 0" in words(tried)
    done = pressed(admin, tried, "Import these now", follow_redirects=True)
    assert "New 1 Changed 0 Unchanged 0 Refused 0" in words(done)
