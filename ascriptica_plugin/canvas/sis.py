"""SIS imports, as Canvas takes and shows them [sis_imports_api_controller.rb]."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .errors import SOMETHING_ELSE, CanvasDown

OVER = ("imported", "imported_with_messages", "failed", "failed_with_messages", "aborted")
"""The states in which Canvas does nothing more; an import may be restored later, which is a person's doing."""

COLUMNS = ("course_id", "section_id", "user_id", "role", "status", "notify")


@dataclass(frozen=True)
class SISImport:
    """An import: its number, and whether Canvas is through with it."""

    id: int
    is_over: bool


def read_import(row: Any) -> SISImport:
    """Raises CanvasDown for a row that is none."""
    if not isinstance(row, dict) or type(row.get("id")) is not int:
        raise CanvasDown(SOMETHING_ELSE, 200)
    return SISImport(row["id"], row.get("workflow_state") in OVER)


def enrollments_csv(lines: Iterable[tuple[str, str, str]], *, notify: bool) -> bytes:
    """enrollments.csv that lets students in: (course's SIS ID or empty, section's or empty, user's) [sis_csv.md].

    A line names no dates, so that those of an enrollment that is there already are cleared, as a POST does.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for course_id, section_id, user_id in lines:
        writer.writerow((course_id, section_id, user_id, "student", "active", "true" if notify else "false"))
    return text.getvalue().encode()
