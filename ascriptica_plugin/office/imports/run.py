"""Runs an import in batches of 500 rows, and saves the report in the same transaction as each batch.

Uses the tables; no Flask. A row that can't be taken is refused with a reason, and the others go in; importing the same
file again changes nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from ...ledger import activity
from ...shared.language import t
from ...shared.said import Said
from ...tables import locks
from ..brake import Brake
from ..places import NotPossible
from ..sis_ids import Taken
from . import braking
from .courses import Courses
from .file import Row
from .kind import WITH_PERSON, WITHDRAWN, Kind, Now
from .participants import Participants
from .registrations import Registrations

KINDS: dict[str, type[Kind]] = {"courses": Courses, "participants": Participants, "registrations": Registrations}

BATCH = 500


@dataclass
class Report:
    """What happened to the rows or, in a dry run, would happen.

    `refused` are pairs of line and reason; `remarks` are pairs of line and what was left out of a row that was taken.
    `outcomes` of a dry run are the line, the outcome (see `Kind.decide`) and what the row changes, in words or "".
    `new_people` is how many participants were made by rows of registrations.
    """

    made: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    remarks: list[tuple[int, str]] = field(default_factory=list)
    outcomes: list[tuple[int, str, str]] = field(default_factory=list, compare=False)
    new_people: int = 0

    def with_outcomes(self, outcomes: list[tuple[Row, str | NotPossible]], its: Kind, *, each: bool) -> "Report":
        """This report with the outcomes of more rows, on which `its` kind has just decided."""
        results = [outcome for _, outcome in outcomes]
        refused = [(row.line, str(outcome)) for row, outcome in outcomes if isinstance(outcome, NotPossible)]
        return Report(
            self.made + results.count("made") + results.count(WITH_PERSON),
            self.changed + results.count("changed") + results.count(WITHDRAWN),
            self.unchanged + results.count("unchanged"),
            sorted([*self.refused, *refused]),
            sorted([*self.remarks, *its.remarks]),
            [*self.outcomes, *_each(outcomes, its.differences)] if each else [],
            self.new_people + results.count(WITH_PERSON),
        )

    @property
    def said(self) -> Said:
        """The numbers, as the activity log keeps them."""
        numbers = {"made": self.made, "changed": self.changed, "unchanged": self.unchanged}
        return Said("import_done", **numbers, refused=len(self.refused))

    def __str__(self) -> str:
        people = "person" if self.new_people == 1 else "people"
        new = f"{self.new_people} new {people}; " if self.new_people else ""
        return f"{new}{self.made} new, {self.changed} changed, {self.unchanged} unchanged, {len(self.refused)} refused"


def _each(
    outcomes: list[tuple[Row, str | NotPossible]], differences: dict[int, Said]
) -> Iterator[tuple[int, str, str]]:
    for row, outcome in outcomes:
        if not isinstance(outcome, NotPossible):
            yield row.line, outcome, str(differences.get(row.line, ""))


class Run:
    """One import's rows, how many of them are `done`, and the report.

    `keep` is called in each batch's transaction, with the number of rows done and the report as they are after it.
    """

    def __init__(
        self,
        session: Session,
        kind: str,
        rows: list[Row],
        now: Now,
        by: str,
        dry_run: bool,
        rename: bool,
        brake: Brake | None,
        timezone: tzinfo = UTC,
        notify: bool = False,
        file_name: str = "",
    ):
        self.session, self.dry_run, self.name, self.file_name = session, dry_run, kind, file_name
        self.kind = KINDS[kind](session, now, by, dry_run, rename)
        self.kind.timezone, self.kind.notify = timezone, notify
        if brake is not None:
            stopped = braking.stopped(session, kind, rows, brake, now)
            nobody = {one.code.lower(): t("{stopped} Therefore nobody is removed.", stopped=one) for one in stopped}
            self.kind.stopped = nobody
            session.rollback()
        self.rows = self.kind.in_order(rows)
        self.done, self.report = 0, Report()
        self.act_id: int | None = None

    def go_on_from(self, done: int, report: Report) -> None:
        """Continue where another run of the same rows stopped."""
        refused = {line for line, _ in report.refused}
        self._remember([row for row in self.rows[:done] if row.line not in refused])
        self.done, self.report = done, report

    @property
    def left(self) -> int:
        """How many rows are still to be taken."""
        return len(self.rows) - self.done

    def batch(self, keep: Callable[[int, Report], None] = lambda done, report: None) -> None:
        """Take the next batch of rows, and commit."""
        rows = self.rows[self.done : self.done + BATCH]
        done, act_id = self.done + len(rows), self.act_id
        try:
            outcomes, report = self._take(rows, done, keep)
        except (IntegrityError, OperationalError, Taken) as error:
            # Meanwhile somebody made the same course on its page, or brought the same SIS ID. The second try finds it.
            self.session.rollback()
            if isinstance(error, OperationalError) and not locks.is_in_the_way(error):
                raise
            self.act_id = act_id
            outcomes, report = self._take(rows, done, keep)
        self._remember([row for row, outcome in outcomes if not isinstance(outcome, NotPossible)])
        self.done, self.report = done, report

    def _take(self, rows: list[Row], done: int, keep: Callable[[int, Report], None]) -> tuple[list, Report]:
        if not self.dry_run:
            locks.lock_people(self.session)
        outcomes = self.kind.decide(rows)
        report = self.report.with_outcomes(outcomes, self.kind, each=self.dry_run)
        if self.dry_run:
            self.session.rollback()
        else:
            with self._in_its_act(report):
                self.kind.write()
        keep(done, report)
        self.session.commit()
        return outcomes, report

    @contextmanager
    def _in_its_act(self, report: Report) -> Iterator[None]:
        """The whole import is one act in the activity log. An import that changes nothing has no entry."""
        if self.act_id is None and report.made + report.changed == 0:
            yield
            return
        if self.act_id is None:
            self.act_id = activity.begin_act(self.session, self.kind.now, self.kind.by, "imported")
        its = {"file": Said(f"file_{self.name}"), "done": report.said}
        words = Said("import_of", name=self.file_name, **its) if self.file_name else Said("import", **its)
        with activity.within(self.session, self.act_id, words):
            yield

    def _remember(self, taken: list[Row]) -> None:
        for row in taken:
            self.kind.seen.setdefault(self.kind.key(row), row)


def run(
    session: Session,
    kind: str,
    rows: list[Row],
    now: Now,
    by: str,
    *,
    dry_run: bool = False,
    rename: bool = False,
    notify: bool = False,
    brake: Brake | None = None,
    timezone: tzinfo = UTC,
    file_name: str = "",
    how_to_rename: str = Kind.how_to_rename,
    progress: Callable[[int, int], None] = lambda before, done: None,
) -> Report:
    """Import all rows, and return the report. Commits each batch.

    `by` is who did it, for the activity log, which also names the file. `rename`: the file's names replace those of
    people here. `notify`: people whom it registers or withdraws are mailed. If the rows would remove more people from a
    course than the `brake` lets pass, they are refused. `how_to_rename` is what a refused row says to do if a name
    has changed. `progress` is called with the number of rows done before and after each batch.
    """
    through = Run(session, kind, rows, now, by, dry_run, rename, brake, timezone, notify, file_name)
    through.kind.how_to_rename = how_to_rename
    while through.left:
        before = through.done
        through.batch()
        progress(before, through.done)
    return through.report
