"""Tools → Import: the form, who may send a file, and who carries it out."""

import io
import re

import pytest

from ascriptica_plugin.office import mails_to_participants
from ascriptica_plugin.office.imports import file as csvfile
from ascriptica_plugin.office.imports import run as imports
from ascriptica_plugin.office.imports import uploads
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.mails import Mail
from ascriptica_plugin.tables.office import LogEntry, Participant
from ascriptica_plugin.worker import rounds

from ...office.imports.files import COURSES, PARTICIPANTS, everything
from ...office_at_work import sign_in
from ...pages import all_of, upload, words


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


def test_the_choices_on_the_form_are_kept_after_a_mistake(admin):
    answer = admin.post("/tools/import", data={"kind": "registrations", "dry_run": "y"})
    assert answer.status_code == 422
    assert "Choose a file." in words(answer)
    assert '<option selected value="registrations">' in answer.text
    assert "checked" in answer.text


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
