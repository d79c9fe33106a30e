"""What all kinds of import share: how a batch is decided on, by the same rules as on the pages.

Uses the tables and the rules; no Flask. Never commits. A blank cell changes nothing. A row that contradicts an earlier
one is refused, so importing the same rows again changes nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from sqlalchemy.orm import Session

from ...shared.formats import listed
from ...shared.language import mark, t
from ...shared.said import Said
from ...tables.office import Course, Participant
from .. import emails, names
from ..places import NotPossible
from .file import Row

Now = Callable[[], datetime]

WITH_PERSON = "made with person"
"""The outcome of a row whose registration and participant are both made."""

WITHDRAWN = "withdrawn"
"""The outcome of a row that ends a registration; reports count it as changed."""


class Kind(ABC):
    """Takes the rows of one import, which are all of one kind.

    `about` are the columns that identify what a row is about. `seen` has the row that was taken for each, to find rows
    that contradict it. `rename`: people who have another name here get the file's name. `remarks` are the lines of the
    batch that were taken only in part, each with a sentence that says what was left out. `stopped` has the courses from
    which the file may remove nobody, by their codes in small letters, each with the reason. `differences` say what
    rows change, by their lines.
    """

    about: tuple[str, ...]
    timezone: tzinfo = UTC
    """The time zone of the file's times."""
    notify = False
    """Whether people whom the file registers or withdraws are mailed."""
    how_to_rename = mark("import it with “Rename people”")
    """What to do if somebody's name has changed."""

    def __init__(self, session: Session, now: Now, by: str, dry_run: bool, rename: bool = False):
        self.session, self.clock, self.by, self.dry_run, self.rename = session, now, by, dry_run, rename
        self.seen: dict[tuple, Row] = {}
        self.stopped: dict[str, str] = {}
        self.remarks: list[tuple[int, str]] = []
        self.differences: dict[int, Said] = {}

    def in_order(self, rows: list[Row]) -> list[Row]:
        """All rows, in the order in which to take them."""
        return rows

    def decide(self, batch: list[Row]) -> list[tuple[Row, "str | NotPossible"]]:
        """Decide each row: `made`, WITH_PERSON, `changed`, WITHDRAWN, `unchanged`, or why it is refused. Nothing is
        written yet.

        A reason does not name the person whom the row is about, since reports keep it; the line number shows who it is.
        It may name another participant; `erasing` removes that name when they are erased.
        """
        self.now, self.remarks, self.differences = self.clock(), [], {}
        self.look_up([row for row in batch if not row.problem])
        outcomes: list[tuple[Row, str | NotPossible]] = []
        in_batch: dict[tuple, Row] = {}
        for row in batch:
            try:
                if row.problem:
                    raise NotPossible(row.problem)
                before = self.seen.get(self.key(row)) or in_batch.get(self.key(row))
                outcomes.append((row, self.take(row) if before is None else self.again(row, before)))
                in_batch.setdefault(self.key(row), row)
            except (NotPossible, ValueError) as reason:
                outcomes.append((row, NotPossible(str(reason))))
        return outcomes

    def again(self, row: Row, before: Row) -> str:
        """Decide on a row with the same key as an earlier one."""
        given = [(name, cell) for name, cell in row.cells.items() if cell and name not in self.about]
        if any(not _same(name, cell, before.cells.get(name, "")) for name, cell in given):
            same = listed([t(name) for name in self.about])
            raise NotPossible(t("Line {line} has other values for the same {columns}.", line=before.line, columns=same))
        return "unchanged"

    def key(self, row: Row) -> tuple:
        """What the row is about, in one spelling."""
        return tuple(emails.as_compared(row.cells.get(name, "")) for name in self.about)

    def brake(self, course: Course | None, removes: bool) -> None:
        """Raise NotPossible if the row removes somebody from a course that is stopped."""
        if removes and course is not None and (reason := self.stopped.get(course.code.lower())):
            raise NotPossible(reason)

    @abstractmethod
    def look_up(self, rows: list[Row]) -> None:
        """Read what all the rows are about at once, with locks unless it is a dry run."""

    @abstractmethod
    def take(self, row: Row) -> str:
        """Decide on one row, the first with its key. Raises NotPossible, or ValueError with a sentence."""

    @abstractmethod
    def write(self) -> None:
        """Write the decisions on the last batch. A dry run leaves this out."""


def _same(column: str, one: str, other: str) -> bool:
    return one == other or (column == "name" and names.same_name(one, other))


def the_one(found: list[Participant]) -> Participant | None:
    """The participant with a row's email, if any. Raises NotPossible if there are several."""
    if len(found) > 1:
        raise NotPossible(
            t("{count} participants have this email. Correct them on the page Participants.", count=len(found))
        )
    return found[0] if found else None
