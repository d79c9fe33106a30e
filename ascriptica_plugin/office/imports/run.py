"""Runs imports in batches of some hundreds of rows, with the report in the same transaction as the batch.

Uses the tables; no Flask. A row that can't be taken is refused with a reason, and the others go in; importing the same
file again changes nothing. The command runs a whole import. An upload is kept in the database until it is finished: the
request works on it for a moment, then the worker does. A killed process loses or doubles nothing, because the progress
is committed with the rows. A dry run, which writes nothing, starts again.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Update, delete, or_, select, update
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from ...tables import locks
from ...tables.columns import begin_writing, change
from ...tables.office import Import
from ..places import NotPossible
from . import file
from .courses import Courses
from .file import Row
from .kind import Kind, Now
from .participants import Participants
from .registrations import Registrations

KINDS: dict[str, type[Kind]] = {"courses": Courses, "participants": Participants, "registrations": Registrations}

BATCH = 500
TAKEN = timedelta(seconds=30)
"""A batch takes about a second; a process that took an import and writes nothing for this long is gone."""

KEPT = timedelta(days=7)

log = logging.getLogger(__name__)


@dataclass
class Report:
    """What happened to the rows or, in a dry run, would happen. `refused` are pairs of line and reason."""

    made: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def with_outcomes(self, outcomes: list[tuple[Row, str | NotPossible]]) -> "Report":
        """This report with the outcomes of more rows."""
        results = [outcome for _, outcome in outcomes]
        refused = [(row.line, str(outcome)) for row, outcome in outcomes if isinstance(outcome, NotPossible)]
        return Report(
            self.made + results.count("made"),
            self.changed + results.count("changed"),
            self.unchanged + results.count("unchanged"),
            sorted([*self.refused, *refused]),
        )

    def __str__(self) -> str:
        return f"{self.made} new, {self.changed} changed, {self.unchanged} unchanged, {len(self.refused)} refused"


class _Overtaken(Exception):
    """Another process has continued the import meanwhile."""


class _Run:
    """One import's rows, how many of them are `done`, and the report.

    `keep` is called in each batch's transaction with the number of rows done and the report that hold once it commits.
    """

    def __init__(self, session: Session, kind: str, rows: list[Row], now: Now, by: str, dry_run: bool):
        self.session, self.dry_run = session, dry_run
        self.kind = KINDS[kind](session, now, by, dry_run)
        self.rows = self.kind.in_order(rows)
        self.done, self.report = 0, Report()

    def go_on_from(self, done: int, report: Report) -> None:
        """Continue where another run of the same rows stopped."""
        refused = {line for line, _ in report.refused}
        self._remember([row for row in self.rows[:done] if row.line not in refused])
        self.done, self.report = done, report

    @property
    def left(self) -> int:
        return len(self.rows) - self.done

    def batch(self, keep: Callable[[int, Report], None] = lambda done, report: None) -> None:
        """Take the next batch of rows, and commit."""
        rows = self.rows[self.done : self.done + BATCH]
        done = self.done + len(rows)
        try:
            outcomes, report = self._take(rows, done, keep)
        except IntegrityError:
            # Somebody made the same course on its page meanwhile; this time it is found.
            self.session.rollback()
            outcomes, report = self._take(rows, done, keep)
        self._remember([row for row, outcome in outcomes if not isinstance(outcome, NotPossible)])
        self.done, self.report = done, report

    def _take(self, rows: list[Row], done: int, keep: Callable[[int, Report], None]) -> tuple[list, Report]:
        if not self.dry_run:
            locks.lock_people(self.session)
        outcomes = self.kind.decide(rows)
        if self.dry_run:
            self.session.rollback()
        else:
            self.kind.write()
        report = self.report.with_outcomes(outcomes)
        keep(done, report)
        self.session.commit()
        return outcomes, report

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
    progress: Callable[[int, int], None] = lambda before, done: None,
) -> Report:
    """Import all rows, and return the report. Commits each batch.

    `by` is who did it, for the activity log. `progress` is called with the number of rows done before and after each
    batch.
    """
    through = _Run(session, kind, rows, now, by, dry_run)
    while through.left:
        before = through.done
        through.batch()
        progress(before, through.done)
    return through.report


# -- uploads ----------------------------------------------------------------------------------------------------------


def start(
    session: Session,
    kind: str,
    name: str,
    data: bytes,
    now: datetime,
    by: str,
    *,
    dry_run: bool,
    most_rows: int,
) -> Import:
    """Store the file as an import for `go_on` to run. Raises file.Unusable. Never commits."""
    rows = file.read(kind, data, most_rows)
    begin_writing(session)
    made = Import(kind=kind, name=name, file=data, total=len(rows), started_at=now, who=by, dry_run=dry_run, refused=[])
    session.add(made)
    session.flush()
    return made


def go_on(session: Session, now: Now, stop: Callable[[], bool], import_id: int | None = None) -> bool:
    """Continue this import, or the oldest that nobody works on, until it is finished or `stop()` is true. Commits.

    Returns False where there is none.
    """
    found = _take_up(session, now(), import_id)
    if found is None:
        return False
    import_id = found.id
    try:
        _go_on(session, found, now, stop)
    except _Overtaken:
        session.rollback()
    except (OperationalError, InterfaceError):
        # The database is away or busy; the file is not to blame.
        session.rollback()
        raise
    except Exception:
        log.exception("An import can't be finished.")
        session.rollback()
        begin_writing(session)
        change(session, _its(import_id).values(finished_at=now(), file=None, broken=True))
        session.commit()
    return True


def _take_up(session: Session, now: datetime, import_id: int | None) -> Import | None:
    until = Import.taken_until_at
    # A time further off than this was set by a clock that has been set back since.
    free = [Import.finished_at.is_(None), or_(until.is_(None), until <= now, until > now + 2 * TAKEN)]
    if import_id is not None:
        free += [Import.id == import_id]
    found = session.scalar(select(Import.id).where(*free).order_by(Import.id).limit(1))
    session.rollback()
    if found is None:
        return None
    begin_writing(session)
    took = change(session, _its(found).where(*free).values(taken_until_at=now + TAKEN))
    session.commit()
    return session.get(Import, found, populate_existing=True) if took else None


def _go_on(session: Session, found: Import, now: Now, stop: Callable[[], bool]) -> None:
    import_id = found.id
    through = _Run(session, found.kind, file.read(found.kind, found.file or b""), now, found.who, found.dry_run)
    if found.dry_run:
        begin_writing(session)
        change(session, _its(import_id).values(done=0))
    else:
        refused = [(line, reason) for line, reason in found.refused]
        through.go_on_from(found.done, Report(found.made, found.changed, found.unchanged, refused))
    session.commit()

    def keep(done: int, report: Report) -> None:
        facts = {"done": done, "taken_until_at": now() + TAKEN, **vars(report)}
        if done == len(through.rows):
            facts |= {"finished_at": now(), "file": None}
        begin_writing(session)
        if change(session, _its(import_id).where(Import.done == through.done).values(**facts)) == 0:
            raise _Overtaken

    while through.left and not stop():
        through.batch(keep)
    if through.left:
        begin_writing(session)
        change(session, _its(import_id).where(Import.done == through.done).values(taken_until_at=None))
        session.commit()


def _its(import_id: int) -> Update:
    return update(Import).where(Import.id == import_id)


def forget_old(session: Session, now: datetime) -> None:
    """Delete the reports of imports that began more than `KEPT` ago; their reasons say things about people."""
    change(session, delete(Import).where(Import.started_at < now - KEPT))
