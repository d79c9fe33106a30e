"""What the imports of all kinds of rows share: how a batch is decided on, by the same rules as on the pages.

Knows the tables and the rules; no Flask. Never commits. A blank cell leaves what there is, and a row that contradicts
an earlier one is refused, so that the same rows again change nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from ...tables.office import Participant
from .. import people
from ..places import NotPossible
from .file import Row

Now = Callable[[], datetime]


class Kind(ABC):
    """One import's way of taking rows of one kind.

    `about` are the columns that say what a row is about; `seen` is the row that was taken for each of these, so that
    none is contradicted.
    """

    about: tuple[str, ...]

    def __init__(self, session: Session, now: Now, by: str, dry_run: bool):
        self.session, self.clock, self.by, self.dry_run = session, now, by, dry_run
        self.seen: dict[tuple, Row] = {}

    def in_order(self, rows: list[Row]) -> list[Row]:
        """All rows, in the order in which they are to be taken."""
        return rows

    def decide(self, batch: list[Row]) -> list[tuple[Row, "str | NotPossible"]]:
        """For each row `made`, `changed`, `unchanged`, or why it is refused; nothing is written yet.

        A reason names nobody, since reports keep it: the line tells who it is.
        """
        self.now = self.clock()
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
        """Decide on a row about what an earlier one was about."""
        if any(row.cells[name] != before.cells.get(name) for name in row.cells if name not in self.about):
            raise NotPossible(f"Line {before.line} says otherwise about the same {' and '.join(self.about)}.")
        return "unchanged"

    def key(self, row: Row) -> tuple:
        """What the row is about, however it is spelled."""
        return tuple(people.as_compared(row.cells.get(name, "")) for name in self.about)

    @abstractmethod
    def look_up(self, rows: list[Row]) -> None:
        """Find what the rows are about, at once for all of them; locked, unless it is a dry run."""

    @abstractmethod
    def take(self, row: Row) -> str:
        """Decide on one row, the first about its key. Raises NotPossible, or ValueError with a sentence."""

    @abstractmethod
    def write(self) -> None:
        """Write what was decided on the last batch: the last step, which a dry run leaves out."""


def the_one(found: list[Participant]) -> Participant | None:
    """The only participant with a row's email, if any. Raises NotPossible where there are several."""
    if len(found) > 1:
        raise NotPossible(f"{len(found)} participants have this email. Correct them on the page Participants.")
    return found[0] if found else None
