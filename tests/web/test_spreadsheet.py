"""A list as a file: no cell is a formula to a spreadsheet, and every spreadsheet finds the columns."""

import csv
import io

import pytest

from ascriptica_plugin.web.spreadsheet import csv_file, csv_line


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x"])
def test_a_cell_that_would_be_a_formula_is_text(cell):
    [row] = csv.reader(io.StringIO(csv_line(["Kim", cell]), newline=""))
    assert row == ["Kim", f"'{cell}"]


@pytest.mark.parametrize("cell", ["Kim; Lee", 'a "b"', "a,b", "two\nlines", "1-2", ""])
def test_any_other_cell_is_kept_as_it_is(cell):
    line = csv_line([cell, "x"])
    assert list(csv.reader(io.StringIO(line, newline=""))) == [[cell, "x"]]
    assert line.startswith('"')


def test_the_file_begins_with_its_columns_and_says_that_it_is_unicode(app):
    with app.test_request_context():
        answer = csv_file("list.csv", ["name"], iter([csv_line(["Zoë"])]))
    assert answer.get_data() == '\ufeff"name"\r\n"Zoë"\r\n'.encode()
    assert answer.headers["Content-Disposition"] == "attachment; filename=list.csv"
