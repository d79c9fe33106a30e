"""Reads a CSV file of courses, participants or registrations into rows. Knows nothing but the file."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

COLUMNS = {
    "courses": ("code", "title", "capacity", "canvas_course", "canvas_section"),
    "participants": ("email", "name", "sis_user_id"),
    "registrations": ("email", "course", "status"),
}
ENDINGS = ("csv", "tsv", "txt")
NEEDED = {"courses": {"code"}, "participants": {"email"}, "registrations": {"email", "course", "status"}}

LARGEST_FILE = 20_000_000
MOST_ROWS = 100_000
LONGEST_CELL = 1000

AS_UTF_8 = (
    "This file is not in UTF-8, so its letters could be misread. Save it again: in Excel as “CSV UTF-8 "
    "(Comma delimited)”, in LibreOffice with the character set Unicode (UTF-8)."
)


class Unusable(Exception):
    """The file can't be used at all; the text is a sentence that says why."""


class Row(NamedTuple):
    """A row's cells by column, stripped. `line` is where it begins in the file, `problem` why it can't be read."""

    line: int
    cells: dict[str, str]
    problem: str | None = None


def read(kind: str, data: bytes, most_rows: int = MOST_ROWS) -> list[Row]:
    """The rows of a file of that kind, without blank ones. Raises Unusable."""
    if len(data) > LARGEST_FILE:
        raise Unusable(f"The file is larger than {LARGEST_FILE // 1_000_000} MB. Split it.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable(AS_UTF_8) from None
    header = re.search(r"\S.*", text)
    if header is None:
        raise Unusable("The file is empty.")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(kind, header[0]))
    rows: list[Row] = []
    names = None
    for line, cells in _lines(lines):
        if not any(cells):
            continue
        if names is None:
            names = _header(kind, cells)
        elif len(rows) == most_rows:
            raise Unusable(f"The file has more than {most_rows:,} rows. Split it.")
        else:
            rows.append(_row(line, names, cells))
    if not rows:
        raise Unusable("The file has a header and no rows.")
    return rows


def _delimiter(kind: str, header: str) -> str:
    """Comma, semicolon or tab: the one that finds most of our columns in the header."""
    found = {sign: len(set(map(_name, header.split(sign))) & set(COLUMNS[kind])) for sign in ",;\t"}
    return max(found, key=found.__getitem__)


def _name(cell: str) -> str:
    return re.sub(r"[\s_]+", "_", cell.strip().strip('"').strip().lower())


def _lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it begins; a cell in quotes may have several lines."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Unusable(f"Line {line} can't be read. Perhaps a quotation mark is never closed.") from None
        yield line, [cell.strip() for cell in cells]


def _header(kind: str, cells: list[str]) -> list[str]:
    names = [_name(cell) for cell in cells]
    while not names[-1]:
        names.pop()
    expected = f"The first line has to name the columns: {', '.join(COLUMNS[kind])}."
    if missing := NEEDED[kind] - set(names):
        raise Unusable(f"There is no column {' and no column '.join(sorted(missing))}. {expected}")
    for name in names:
        if name not in COLUMNS[kind]:
            raise Unusable(f"“{name[:40]}” is not a column of {kind}. {expected}")
        if names.count(name) > 1:
            raise Unusable(f"The column {name} is there twice. {expected}")
    return names


def _row(line: int, names: list[str], cells: list[str]) -> Row:
    named = dict(zip_longest(names, cells[: len(names)], fillvalue=""))
    if any(cells[len(names) :]):
        return Row(line, named, "This row has more cells than the first line has columns.")
    for name, cell in named.items():
        if len(cell) > LONGEST_CELL:
            return Row(line, named, f"The cell {name} is longer than {LONGEST_CELL:,} characters.")
        if any(ord(character) < 32 or ord(character) == 127 for character in cell):
            return Row(line, named, f"Take the line breaks and control characters out of the cell {name}.")
    return Row(line, named)
