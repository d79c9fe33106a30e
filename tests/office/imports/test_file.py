"""Files: how they are written, and which can't be used."""

import pytest

from ascriptica_plugin.office.imports import file as csvfile
from ascriptica_plugin.office.imports.header import Unusable
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
        '"sep=;"\r\nemail;name\r\nkim@example.org;Kim\r\n',
        "\u200bname;email\u200b\nKim;kim@example.org\n",
        'email,name\n"=""kim@example.org""","=""Kim"""\n',
    ],
)
def test_a_file_is_read_in_every_form_that_spreadsheets_write(app, command, data):
    assert command("participants", data)[0] == 0
    assert [(one.email, one.name) for one in all_of(app, Participant)] == [("kim@example.org", "Kim")]


def test_lines_are_counted_as_an_editor_does(command):
    data = 'email,name\n\nkim@example.org,"Kim\nLee"\nlou@example.org,Lou\nnobody,No\n'
    output = command("participants", data)[1]
    assert "line 3: Remove the line breaks" in output
    assert "line 6: That is not an email address" in output


BAD_FILES = [
    (b"", "The file is empty."),
    (b" \n\n", "The file is empty."),
    (b"email,name\n", "The file has a header and no rows."),
    ("email,name\nkim@example.org,Zoë\n".encode("cp1252"), "not in UTF-8"),
    ("email,name\nkim@example.org,Kim\n".encode("utf-16"), "not in UTF-8"),
    (b"name\nKim\n", "There is no column email."),
    (b"kim@example.org,Kim\n", "There is no column email."),
    (b"mial box,Vorname,x y\nkim@example.org,Kim\n", "We don't know these columns: “mial box”, “x y”."),
    (b"email,name,name\nkim@example.org,Kim,Kim\n", "The column name appears twice."),
    (b'email,name\nkim@example.org,"' + b"x" * 140_000, "Line 2 can't be read."),
    (b"\x00\xff\xfe", "not in UTF-8"),
    ("email,name\nkim@example.org,Kim\n".encode("utf-16-le"), "not in UTF-8"),
    (b"name|email\nKim|kim@example.org\n", "We don't know these columns: “name|email”."),
    (b"Kim,kim@mail.example.org\nLou,lou@mail.example.org\n", "There is no column email."),
    (b"List of March;;\n\nemail;name;\nkim@example.org;Kim;\n", "We don't know these columns: “List of March”."),
]


@pytest.mark.parametrize(("data", "sentence"), BAD_FILES)
def test_a_file_that_can_t_be_used_is_refused_with_a_sentence(app, command, admin, data, sentence):
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
def test_the_kind_of_a_file_is_known_by_the_ending_of_its_name(app, admin, name, status):
    answer = upload(admin, "participants", "email\nkim@example.org\n", name=name)
    assert answer.status_code == status
    assert ("Choose a CSV file. Its name ends with .csv." in words(answer)) == (status == 422)


def test_files_that_are_too_large_or_too_long_are_refused(monkeypatch):
    monkeypatch.setattr(csvfile, "LARGEST_FILE", 40)
    with pytest.raises(Unusable, match="larger than"):
        csvfile.read("participants", b"email\n" + b"x" * 40)
    monkeypatch.undo()
    rows = b"email\n" + b"a@b.org\n" * 11
    assert len(csvfile.read("participants", rows, 11).rows) == 11
    with pytest.raises(Unusable, match="more than 10 rows"):
        csvfile.read("participants", rows, 10)


def test_an_open_quotation_mark_is_named_with_what_was_not_read(app, command, admin):
    lines = [f"p{n}@example.org,P{n}" for n in range(150)]
    lines[1] = 'p1@example.org,"P1'
    data = "email,name\n" + "\n".join(lines) + "\n"
    sentence = "Line 3 can't be read: a quotation mark opens there and is not closed, so lines 3 to 151 were not read"
    code, output = command("participants", data)
    assert code == 2
    assert sentence in output
    assert sentence in words(upload(admin, "participants", data))
    assert all_of(app, Participant) == []
    # Another mark far below closes it, and more follows.
    lines[100] = '"Alt, Ines",p100@example.org'
    assert sentence.replace("151", "102") in command("participants", "email,name\n" + "\n".join(lines))[1]


def test_a_quotation_mark_that_is_closed_too_late_names_its_row_and_the_lines_after_it(app, command):
    data = 'email,name,note\na@example.org,A,"x\nb@example.org,B,\nc@example.org,C,"\nd@example.org,D,\n'
    code, output = command("participants", data)
    assert code == 1
    assert "line 2: A quotation mark opens in this row and is closed only in line 4, so the 2 lines after it" in output
    assert [one.email for one in all_of(app, Participant)] == ["d@example.org"]


def test_lines_hidden_by_an_open_quotation_mark_are_reported_in_a_file_of_one_column(app, command):
    output = command("participants", 'email\n"a@example.org\nb@example.org"\n')[1]
    assert "line 2: A quotation mark opens in this row and is closed only in line 3, so the line after it" in output
    assert all_of(app, Participant) == []


def test_a_row_whose_quotation_marks_do_not_go_together_is_refused_alone(app, command):
    data = 'email,name\na@example.org,"Ann "Andy" Alt"\nb@example.org,"Bea ""Bee"" Berg"\nc@example.org,C "C" C\n'
    output = command("participants", data)[1]
    assert "line 2: The quotation marks in this row don't match" in output
    assert [one.name for one in all_of(app, Participant)] == ['Bea "Bee" Berg', 'C "C" C']


@pytest.mark.parametrize("sign", [";", ",", "\t"])
def test_the_separator_that_excel_s_first_line_names_is_used(app, command, sign):
    """Though the first line alone would not show it."""
    data = f"sep={sign}\r\nemail{sign}name\r\nkim@example.org{sign}Kim\r\nnobody{sign}No\r\n"
    output = command("participants", data)[1]
    assert "line 4: That is not an email address." in output
    assert [(one.email, one.name) for one in all_of(app, Participant)] == [("kim@example.org", "Kim")]


def test_unknown_columns_are_ignored_and_named(app, command, admin):
    data = "email,,name,Phone\nkim@example.org,x,Kim,1\n"
    assert "Ignored columns: column 2, Phone." in command("participants", data)[1]
    assert "Ignored columns: column 2, Phone." in words(upload(admin, "participants", data))
    assert [one.name for one in all_of(app, Participant)] == ["Kim"]
