"""Lists as CSV files that are safe in a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Sequence

from flask import Response, stream_with_context
from werkzeug.datastructures import Headers

from ..office.imports.file import FORMULA


def csv_file(name: str, columns: Sequence[str], lines: Iterator[str]) -> Response:
    """The download: a line with the columns, then the lines that `csv_line` made, sent one by one."""
    headers = Headers()
    headers.set("Content-Disposition", "attachment", filename=name)

    def text() -> Iterator[str]:
        yield "\ufeff" + csv_line(columns)
        yield from lines

    return Response(stream_with_context(text()), mimetype="text/csv", headers=headers)


def csv_line(cells: Sequence[str]) -> str:
    """One line of CSV without formulas: a spreadsheet runs a cell that begins with one of `FORMULA`.

    All cells are quoted, since many spreadsheets also split at semicolons.
    """
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(
        ["'" + cell if cell.startswith(FORMULA) else cell for cell in cells]
    )
    return line.getvalue()
