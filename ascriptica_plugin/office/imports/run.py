"""Runs imports in batches of some hundreds of rows, with the report in the same transaction as the batch.

Uses the tables; no Flask. A row that can't be taken is refused with a reason, and the others go in; importing the same
file again changes nothing. The command runs a whole import. An upload is kept in the database until it is finished: the
request works on it for a moment, then the worker does. A killed process loses or doubles nothing, because the progress
is committed with the rows. A dry run, which writes nothing, starts again.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from sqlalchemy import Update, and_, delete, or_, select, update
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from ...said import Said
from ...tables import locks
from ...tables.columns import begin_writing, change
from ...tables.office import Import
from .. import activity
from ..brake import Brake
from ..places import NotPossible
from ..sis_ids import Taken
from . import braking, file
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
WAITS = timedelta(hours=1)
"""How long a file is kept whose columns nobody confirms, that was only tried out, or that has rows to be mended."""

log = logging.getLogger(__name__)


@dataclass
class Report:
    """What happened to the rows or, in a dry run, would happen.

    `refused` are pairs of line and reason; `remarks` are pairs of line and what was left out of a row that was taken.
    `outcomes` of a dry run are pairs of line and made, changed or unchanged.
    """

    made: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    remarks: list[tuple[int, str]] = field(default_factory=list)
    outcomes: list[tuple[int, str]] = field(default_factory=list, compare=False)

    def with_outcomes(
        self, outcomes: list[tuple[Row, str | NotPossible]], remarks: list[tuple[int, str]], *, each: bool
    ) -> "Report":
        """This report with the outcomes of more rows."""
        results = [outcome for _, outcome in outcomes]
        refused = [(row.line, str(outcome)) for row, outcome in outcomes if isinstance(outcome, NotPossible)]
        return Report(
            self.made + results.count("made"),
            self.changed + results.count("changed"),
            self.unchanged + results.count("unchanged"),
            sorted([*self.refused, *refused]),
            sorted([*self.remarks, *remarks]),
            [*self.outcomes, *((row.line, str(it)) for row, it in outcomes if not isinstance(it, NotPossible))]
            if each
            else [],
        )

    def __str__(self) -> str:
        return f"{self.made} new, {self.changed} changed, {self.unchanged} unchanged, {len(self.refused)} refused"


class _Overtaken(Exception):
    """Another process has continued the import meanwhile."""


class _Run:
    """One import's rows, how many of them are `done`, and the report.

    `keep` is called in each batch's transaction with the number of rows done and the report that hold once it commits.
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
    ):
        self.session, self.dry_run, self.name = session, dry_run, kind
        self.kind = KINDS[kind](session, now, by, dry_run, rename)
        self.kind.timezone, self.kind.notify = timezone, notify
        if brake is not None:
            stopped = braking.stopped(session, kind, rows, brake, now)
            self.kind.stopped = {one.code.lower(): f"{one} So nobody is removed." for one in stopped}
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
        return len(self.rows) - self.done

    def batch(self, keep: Callable[[int, Report], None] = lambda done, report: None) -> None:
        """Take the next batch of rows, and commit."""
        rows = self.rows[self.done : self.done + BATCH]
        done, act_id = self.done + len(rows), self.act_id
        try:
            outcomes, report = self._take(rows, done, keep)
        except (IntegrityError, OperationalError, Taken) as error:
            # Somebody made the same course on its page meanwhile, or brought the same SIS ID; this time it is found.
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
        report = self.report.with_outcomes(outcomes, self.kind.remarks, each=self.dry_run)
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
        """What the whole import does is one act in the activity log; one that changes nothing is none."""
        if self.act_id is None and report.made + report.changed == 0:
            yield
            return
        if self.act_id is None:
            self.act_id = activity.begin_act(self.session, self.kind.now, self.kind.by, "imported")
        with activity.within(self.session, self.act_id, Said("import", file=self.name, done=str(report))):
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
    progress: Callable[[int, int], None] = lambda before, done: None,
) -> Report:
    """Import all rows, and return the report. Commits each batch.

    `by` is who did it, for the activity log. `rename`: the file's names replace those of people here. `notify`: people
    whom it registers or withdraws are mailed. Rows that would take more people out of a course than the `brake` lets
    pass are refused. `progress` is called with the number of
    rows done before and after each batch.
    """
    through = _Run(session, kind, rows, now, by, dry_run, rename, brake, timezone, notify)
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
    rename: bool = False,
    notify: bool = False,
    brake: Brake | None = None,
) -> Import:
    """Store the file as an import for `go_on` to run. Raises file.Unusable. Never commits.

    Where the file has other names for our columns, the import waits for `confirm`; where the brake stops it, for
    `release`.
    """
    how = {"dry_run": dry_run, "rename": rename, "notify": notify}
    made = Import(kind=kind, name=name, file=data, started_at=now, who=by, refused=[], **how)
    try:
        table = file.read(kind, data, most_rows)
    except file.ToConfirm as asked:
        made.to_confirm, made.total, made.columns = True, 0, list(asked.header.columns)
    else:
        made.total, made.ignored = len(table.rows), table.header.ignored
        made.removes = _removes(session, made, table.rows, brake, now)
        made.to_confirm = made.removes is not None
    begin_writing(session)
    session.add(made)
    session.flush()
    return made


def offered(found: Import) -> file.Header:
    """The first line of a file whose columns are to be confirmed, with what they may be."""
    try:
        return file.read(found.kind, found.file or b"").header
    except file.ToConfirm as asked:
        return asked.header


def _removes(session: Session, made: Import, rows: list[Row], brake: Brake | None, now: datetime) -> list | None:
    """What the brake stops, as `Import.removes` keeps it. A dry run refuses those rows instead."""
    if brake is None or made.dry_run:
        return None
    return [list(vars(one).values()) for one in braking.stopped(session, made.kind, rows, brake, lambda: now)] or None


def release(session: Session, found: Import, *, remove: bool) -> None:
    """Go on with an import that the brake stopped: `remove` the people, or refuse their rows. Never commits."""
    begin_writing(session)
    stopped = _its(found.id).where(Import.to_confirm, Import.removes.is_not(None))
    change(session, stopped.values(to_confirm=False, may_remove=remove))


def confirm(
    session: Session,
    found: Import,
    columns: list[str | None],
    most_rows: int,
    brake: Brake | None = None,
    now: datetime | None = None,
) -> None:
    """Take the file's columns as a person says that they are. Raises file.Unusable. Never commits."""
    table = file.read(found.kind, found.file or b"", most_rows, columns)
    removes = _removes(session, found, table.rows, brake, now or found.started_at)
    values = {"columns": columns, "ignored": table.header.ignored, "total": len(table.rows)}
    values |= {"to_confirm": removes is not None, "removes": removes}
    begin_writing(session)
    change(session, _its(found.id).where(Import.to_confirm).values(**values))


def go_on(
    session: Session,
    now: Now,
    stop: Callable[[], bool],
    import_id: int | None = None,
    *,
    brake: Brake | None = None,
    timezone: tzinfo = UTC,
) -> bool:
    """Continue this import, or the oldest that nobody works on, until it is finished or `stop()` is true. Commits.

    Returns False where there is none.
    """
    found = _take_up(session, now(), import_id)
    if found is None:
        return False
    import_id = found.id
    try:
        _go_on(session, found, now, stop, brake, timezone)
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
    free = [
        Import.finished_at.is_(None),
        Import.to_confirm.is_(False),
        or_(until.is_(None), until <= now, until > now + 2 * TAKEN),
    ]
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


def _go_on(
    session: Session, found: Import, now: Now, stop: Callable[[], bool], brake: Brake | None, timezone: tzinfo
) -> None:
    import_id = found.id
    rows = file.read(found.kind, found.file or b"", columns=found.columns).rows
    brake = None if found.may_remove else brake
    how = (found.dry_run, found.rename, brake, timezone, found.notify)
    through = _Run(session, found.kind, rows, now, found.who, *how)
    if found.dry_run:
        begin_writing(session)
        change(session, _its(import_id).values(done=0))
    else:
        refused, remarks = ([(line, words) for line, words in those or []] for those in (found.refused, found.remarks))
        through.act_id = found.act_id
        through.go_on_from(found.done, Report(found.made, found.changed, found.unchanged, refused, remarks))
    session.commit()

    def keep(done: int, report: Report) -> None:
        facts = {"done": done, "taken_until_at": now() + TAKEN, "act_id": through.act_id, **vars(report)}
        if done == len(through.rows):
            is_over = not (through.dry_run or report.refused)
            # What was only tried out can be imported, and what was refused be mended, for a while.
            facts |= {"finished_at": now()} | ({"file": None} if is_over else {})
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
    """Delete the reports of old imports, whose reasons say things about people, and files that nobody confirms."""
    unconfirmed = and_(Import.to_confirm, Import.started_at < now - WAITS)
    change(session, delete(Import).where(or_(Import.started_at < now - KEPT, unconfirmed)))
    change(session, update(Import).where(Import.finished_at < now - WAITS, Import.file.is_not(None)).values(file=None))


def rows_of(found: Import) -> dict[int, Row]:
    """The rows of a file that is still kept, by the line where each begins; none where it was deleted."""
    if found.file is None:
        return {}
    return {row.line: row for row in file.read(found.kind, found.file, columns=found.columns).rows}
