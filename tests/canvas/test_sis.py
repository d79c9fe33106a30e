"""What leaves for Canvas as a SIS import, byte for byte: a file, and no option of any kind."""

import csv
import io
import zipfile

import pytest

from ascriptica_plugin.canvas.sis import Line, NewUser, file_of

from ..servers import Connect, Raw, reply

MADE = {"id": 7, "workflow_state": "created", "created_at": "2026-01-02T03:04:05Z", "user": {"id": 1}}
ANN = NewUser("S-1", "ann@example.org", "Ann, the new", "ann@example.org", mails=True)


def rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode())))


@pytest.mark.parametrize(("new", "kind"), [([], "text/csv; charset=utf-8"), ([ANN], "application/zip")])
def test_an_import_is_sent_as_a_file_without_options(raw: Raw, connect: Connect, new: list[NewUser], kind: str) -> None:
    """It never uses batch mode or diffing, and never overrides what somebody changed by hand."""
    server = raw(reply(MADE))
    file = file_of([Line("ART-1", "", "S-1")], new, notify=True)
    assert connect(server.url).start_import(1, file).id == 7
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /api/v1/accounts/1/sis_imports HTTP/1.1"
    assert f"Content-Type: {kind}" in lines
    assert body == file.content


def test_a_line_names_its_place_and_person_by_sis_ids_and_no_dates() -> None:
    let_in, out = Line("ART-1", "", "S-1"), Line("", "ART-L", "S-2", "deleted")
    first, second = rows(file_of([let_in, out], [], notify=True).content)
    assert first == {
        "course_id": "ART-1",
        "section_id": "",
        "user_id": "S-1",
        "role": "student",
        "status": "active",
        "notify": "true",
    }
    assert (second["section_id"], second["status"], second["notify"]) == ("ART-L", "deleted", "false")


def test_new_people_stand_in_a_file_of_their_own() -> None:
    with zipfile.ZipFile(io.BytesIO(file_of([Line("ART-1", "", "S-1")], [ANN], notify=False).content)) as packed:
        assert packed.namelist() == ["users.csv", "enrollments.csv"]
        [user] = rows(packed.read("users.csv"))
        [enrollment] = rows(packed.read("enrollments.csv"))
    assert (user["user_id"], user["login_id"], user["full_name"]) == ("S-1", "ann@example.org", "Ann, the new")
    assert (user["status"], user["canvas_password_notification"]) == ("active", "true")
    assert (enrollment["user_id"], enrollment["notify"]) == ("S-1", "false")
