"""Reads a CSV file of courses, participants or registrations into rows. Knows nothing but the file."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from ...shared.language import Marked, number, t, tn
from . import header
from .header import REASON, Header, ToConfirm, Unusable

ENDINGS = ("csv", "tsv", "txt")

LARGEST_FILE = 20_000_000
MOST_ROWS = 100_000
LONGEST_CELL = 1000

AS_UTF_8: Marked[str] = (
    "This file is not in UTF-8, so its letters could be misread. Save it again: in Excel as “CSV UTF-8 "
    "(Comma delimited)”, in LibreOffice with the character set Unicode (UTF-8)."
)

FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""A spreadsheet takes a cell that begins with one of these for a formula."""

AS_TEXT = re.compile(r'="([^"]*)"')

DELIMITER = re.compile(r"""\s*"?sep=([,;\t|])"?[,;\t ]*(?=[\r\n])""", re.IGNORECASE)
"""Excel's own first line, which says which sign separates the cells of the others."""


class Row(NamedTuple):
    """A row's cells by column, stripped. `line` is where it begins in the file, `problem` why it can't be read.

    `as_sent` are all cells of the file's row, as far as they can be separated.
    """

    line: int
    cells: dict[str, str]
    problem: str | None = None
    as_sent: Sequence[str] = ()


class Table(NamedTuple):
    """A file's rows, without blank ones, and its first line."""

    header: Header
    rows: list[Row]


class _Line(NamedTuple):
    """One row as it stands in the file: its first and last line, and its cells, or why it can't be read."""

    first: int
    last: int
    cells: list[str]
    problem: str | None = None


def read(kind: str, data: bytes, most_rows: int = MOST_ROWS, columns: Sequence[str | None] | None = None) -> Table:
    """Read a file of that kind; `columns` is what a person has confirmed its columns to be.

    Raises Unusable. Without `columns`, raises ToConfirm if the file has other names for our columns.
    """
    lines = _lines(kind, data)
    found = None
    rows: list[Row] = []
    for line in lines:
        if not any(line.cells) and not line.problem:
            continue
        if found is None and line.problem:
            raise Unusable(t("Line {first} can't be read. {problem}", first=line.first, problem=line.problem))
        if found is None:
            found = header.read(kind, line.cells) if columns is None else _confirmed(kind, line.cells, columns)
        elif len(rows) == most_rows:
            raise Unusable(t("The file has more than {most} rows. Split it.", most=number(most_rows)))
        else:
            rows.append(_row(line, found))
    if found is None or not rows:
        raise Unusable(t("The file has a header and no rows."))
    if not found.certain:
        raise ToConfirm(found)
    return Table(found, rows)


def with_reasons(table: Table, reasons: Sequence[tuple[int, str]]) -> Iterator[list[str]]:
    """The first line, then the rows with these reasons, all as they were sent, to be corrected and sent again.

    Columns get our names, so that nobody is asked again what they are. One column keeps its own name: that of people's
    names, if it says which part of a name comes first.
    """
    found = table.header
    called = [
        name if column == "name" and found.orders_names else column or name
        for column, name in zip(found.columns, found.names, strict=True)
    ]
    if len({header.ours(name) for name in called}) < len(called):
        # A column that was to be ignored has one of our names.
        called = list(found.names)
    kept = [at for at, column in enumerate(found.columns) if column or header.ours(called[at]) != REASON]
    yield [*(called[at] for at in kept), REASON]
    rows, width = {row.line: row.as_sent for row in table.rows}, len(called)
    for line, reason in reasons:
        cells = [*rows[line], *[""] * width]
        yield [*(cells[at] for at in kept), reason, *rows[line][width:]]


def _confirmed(kind: str, cells: list[str], columns: Sequence[str | None]) -> Header:
    while not cells[-1]:
        cells = cells[:-1]
    return header.confirmed(kind, cells, columns)


def _lines(kind: str, data: bytes) -> Iterator[_Line]:
    if len(data) > LARGEST_FILE:
        raise Unusable(t("The file is larger than {most} MB. Split it.", most=LARGEST_FILE // 1_000_000))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable(t(AS_UTF_8)) from None
    named = DELIMITER.match(text)
    # The line itself stays, now blank, so that line numbers are the same as in an editor.
    text = text[named.end() :] if named else text
    first = re.search(r"\S.*", text)
    if first is None:
        raise Unusable(t("The file is empty."))
    if "\0" in first[0]:
        # The file has two bytes for each letter.
        raise Unusable(t(AS_UTF_8))
    return _split(text, named[1] if named else _delimiter(kind, first[0]))


def _delimiter(kind: str, first: str) -> str:
    """Comma, semicolon or tab: the one that gives most names of columns in the first line or, if equal, occurs most."""

    def fits(sign: str) -> tuple[int, int]:
        return header.known(kind, [cell.strip(' "') for cell in first.split(sign)]), first.count(sign)

    return max(",;\t", key=fits)


def _split(text: str, delimiter: str) -> Iterator[_Line]:
    # Strict, because otherwise a quotation mark that is never closed swallows the rest of the file without an error.
    reader: Any = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    width = 0
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Line(first, reader.line_num, [], _unreadable(error, first, reader.line_num))
            continue
        width = width or len(cells)
        yield _Line(
            first, reader.line_num, [_typed(cell) for cell in cells], _swallowed(reader, first, cells, delimiter, width)
        )


def _typed(cell: str) -> str:
    """The cell without spaces around it, and without the apostrophe that our own lists put before a possible formula,
    or the ="…" that other programs put around a number."""
    cell = cell.strip()
    if text := AS_TEXT.fullmatch(cell):
        return text[1]
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _unreadable(error: csv.Error, first: int, last: int) -> str:
    """Why a row can't be read. Raises Unusable if other rows may be lost with it."""
    if "field limit" in str(error):
        raise Unusable(
            t(
                "Line {first} can't be read. A cell is far too long: perhaps a quotation mark is not closed.",
                first=first,
            )
        )
    if last > first:
        raise Unusable(
            t(
                "Line {first} can't be read: a quotation mark opens there and is not closed, so lines "
                "{first} to {last} were not read, and nothing was imported. Close it, or take it out.",
                first=first,
                last=last,
            )
        )
    return t("The quotation marks in this row don't match: a mark within quotes has to be written twice.")


def _swallowed(reader: Any, first: int, cells: list[str], delimiter: str, width: int) -> str | None:
    """Why a row on several lines is not one row, if so: a line within one of its cells looks like a row of its own."""
    within = [line for cell in cells for line in re.split(r"\r\n|\r|\n", cell)[1:]] if reader.line_num > first else []
    if not any(line.strip() and line.count(delimiter) >= width - 1 for line in within):
        return None
    lines = reader.line_num - first
    return tn(
        "A quotation mark opens in this row and is closed only in line {line}, so the line after it was not read. "
        "Close it.",
        "A quotation mark opens in this row and is closed only in line {line}, so the {count} lines after it were not "
        "read. Close it.",
        lines,
        line=reader.line_num,
    )


def _row(line: _Line, found: Header) -> Row:
    if line.problem:
        return Row(line.first, {}, line.problem, line.cells)
    width = len(found.columns)
    given = zip_longest(found.columns, line.cells[:width], fillvalue="")
    cells = {column: cell for column, cell in given if column}
    if any(line.cells[width:]):
        problem: str | None = t("This row has more cells than the first line has columns.")
    else:
        problem = next(filter(None, (_wrong(name, cell) for name, cell in cells.items())), None)
    if "name" in cells:
        cells["name"] = found.whole_name(cells["name"])
    return Row(line.first, _ours(cells), problem, line.cells)


def _wrong(name: str, cell: str) -> str | None:
    """Why a cell can't be taken."""
    shown = name.replace("_", " ") if name in ("first_name", "last_name") else name
    if len(cell) > LONGEST_CELL:
        return t("The cell {name} is longer than {most} characters.", name=shown, most=number(LONGEST_CELL))
    if any(ord(character) < 32 or ord(character) == 127 for character in cell):
        return t("Remove the line breaks and control characters from the cell {name}.", name=shown)
    return None


def _ours(cells: dict[str, str]) -> dict[str, str]:
    """The cells by our columns: a first and a last name make up a name."""
    if not {"first_name", "last_name"} & cells.keys():
        return cells
    parts = [cells.pop(part, "") for part in ("first_name", "last_name")]
    return cells | {"name": " ".join(part for part in parts if part)}
