"""Files: how they are written, and which can't be used."""

import pytest

from ascriptica_plugin.office.imports import file as csvfile
from ascriptica_plugin.tables.office import Participant

from ...pages import all_of, upload, words


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffemail,name\nkim@example.org,Kim\n",
        "name;email\r\nKim;kim@example.org\r\n",
        "Name\tE M A I L\nKim\tkim@example.org\n".replace("E M A I L", " EMAIL "),
        'NAME,Email,SIS user ID,,\n"Kim",kim@example.org,,,\n\n',
        "\n\nname,email\n Kim , kim@example.org ",
        "name,email\rKim,kim@example.org\r",
    ],
)
def test_a_file_as_spreadsheets_write_it(app, command, data):
    assert command("participants", data)[0] == 0
    assert [(one.email, one.name) for one in all_of(app, Participant)] == [("kim@example.org", "Kim")]


def test_lines_are_counted_as_an_editor_does(command):
    data = 'email,name\n\nkim@example.org,"Kim\nLee"\nlou@example.org,Lou\nnobody,No\n'
    output = command("participants", data)[1]
    assert "line 3: Take the line breaks" in output
    assert "line 6: That is not an email address" in output


BAD_FILES = [
    (b"", "The file is empty."),
    (b" \n\n", "The file is empty."),
    (b"email,name\n", "The file has a header and no rows."),
    ("email,name\nkim@example.org,Zoë\n".encode("cp1252"), "not in UTF-8"),
    ("email,name\nkim@example.org,Kim\n".encode("utf-16"), "not in UTF-8"),
    (b"name\nKim\n", "There is no column email."),
    (b"kim@example.org,Kim\n", "There is no column email."),
    (b"email,nmae\nkim@example.org,Kim\n", "“nmae” is not a column of participants."),
    (b"email,name,,sis_user_id\nkim@example.org,Kim,,\n", "is not a column"),
    (b"email,name,name\nkim@example.org,Kim,Kim\n", "The column name is there twice."),
    (b'email,name\nkim@example.org,"' + b"x" * 140_000, "Line 2 can't be read."),
    (b"\x00\xff\xfe", "not in UTF-8"),
]


@pytest.mark.parametrize(("data", "sentence"), BAD_FILES)
def test_a_file_that_can_t_be_used_is_a_sentence(app, command, admin, data, sentence):
    code, output = command("participants", data)
    assert code == 2
    assert sentence in output
    answer = upload(admin, "participants", data)
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert all_of(app, Participant) == []


@pytest.mark.parametrize(
    ("name", "status"),
    [("people.CSV", 200), ("people.txt", 200), ("people.tsv", 200), ("people.xlsx", 422), ("csv", 422)],
)
def test_a_file_is_told_by_the_ending_of_its_name(app, admin, name, status):
    answer = upload(admin, "participants", "email\nkim@example.org\n", name=name)
    assert answer.status_code == status
    assert ("Choose a CSV file. Its name ends with .csv." in words(answer)) == (status == 422)


def test_files_have_bounds(monkeypatch):
    monkeypatch.setattr(csvfile, "LARGEST_FILE", 40)
    with pytest.raises(csvfile.Unusable, match="larger than"):
        csvfile.read("participants", b"email\n" + b"x" * 40)
    monkeypatch.undo()
    rows = b"email\n" + b"a@b.org\n" * 11
    assert len(csvfile.read("participants", rows, 11)) == 11
    with pytest.raises(csvfile.Unusable, match="more than 10 rows"):
        csvfile.read("participants", rows, 10)
