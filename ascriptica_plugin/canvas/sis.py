"""SIS imports, as Canvas accepts and shows them [sis_imports_api_controller.rb]."""

import csv
import io
import zipfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .errors import SOMETHING_ELSE, CanvasDown
from .exchange import File

OVER = ("imported", "imported_with_messages", "failed", "failed_with_messages", "aborted")
"""The states in which Canvas does nothing more. Only a person can restore an import later."""


@dataclass(frozen=True)
class SISImport:
    """An import: its number, whether Canvas is through with it, when it was made, and who made it, if Canvas says."""

    id: int
    is_over: bool
    created_at: datetime
    user_id: int | None


class Line(NamedTuple):
    """A line of enrollments.csv, with the SIS IDs of course or section, and of the user.

    `status`: active, deleted, inactive or completed. `is_mailed`: the person whom it lets in may get a mail.
    """

    course_id: str
    section_id: str
    user_id: str
    status: str = "active"
    is_mailed: bool = True


class NewUser(NamedTuple):
    """A line of users.csv about somebody whom Canvas does not have. `mails`: Canvas mails them a link to choose a
    password."""

    user_id: str
    login_id: str
    name: str
    email: str
    mails: bool


def read_import(row: Any) -> SISImport:
    """The import in this row. Raises CanvasDown if the row is not one."""
    try:
        user = row.get("user") or {}
        made_at = datetime.fromisoformat(row["created_at"])
        if type(row["id"]) is int and made_at.tzinfo is not None:
            return SISImport(row["id"], row.get("workflow_state") in OVER, made_at.astimezone(UTC), user.get("id"))
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise CanvasDown(SOMETHING_ELSE, 200)


def file_of(lines: Iterable[Line], new: Collection[NewUser], *, notify: bool) -> File:
    """enrollments.csv about students; where there are `new` users, a zip of it and users.csv [sis_csv.md].

    `notify`: Canvas mails those who are let in and may be mailed. A line names no dates, so Canvas clears those of an
    enrollment that is there already, as with a POST.
    """
    enrollments = _csv(
        ("course_id", "section_id", "user_id", "role", "status", "notify"),
        (
            (*line[:3], "student", line.status, _flag(notify and line.is_mailed and line.status == "active"))
            for line in lines
        ),
    )
    if not new:
        return File(enrollments, "text/csv; charset=utf-8")
    users = _csv(
        ("user_id", "login_id", "full_name", "email", "status", "canvas_password_notification"),
        ((*one[:4], "active", _flag(one.mails)) for one in new),
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("users.csv", users)
        packed.writestr("enrollments.csv", enrollments)
    return File(made.getvalue(), "application/zip")


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _csv(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
