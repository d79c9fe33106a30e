"""Files that were uploaded: kept in the database until they are imported.

The request works on a file for a moment, then the worker takes over. If a process is killed, nothing is lost or done
twice, because the progress is committed with the rows. A dry run writes nothing, so it starts again.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy import Update, and_, delete, or_, select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from ...shared import pauses
from ...shared.language import SOURCE, in_language, nearest, present
from ...shared.process_log import about
from ...tables.columns import begin_writing, change
from ...tables.imports import Import
from ..brake import Brake
from . import braking, file
from .file import Row
from .kind import Now
from .run import Report, Run

LARGEST_UPLOAD = 5_000_000
MOST_ROWS = 20_000
"""How many bytes and rows of a file the database keeps. The command takes longer files."""

log = logging.getLogger(__name__)


class _Overtaken(Exception):
    """Another process has continued the import meanwhile."""


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
    preview: bool = False,
    ask: bool = False,
) -> Import:
    """Store the file as an import for `go_on` to run. Raises file.Unusable. Never commits.

    If the file has other names for our columns, the import waits for `confirm`; if the brake stops it, for `release`.
    `preview`: a file that withdraws or moves people is only tried out, even without `dry_run`, and even if the brake
    stops it. `ask`: the kind is a guess, so the import always waits for `confirm`.
    """
    how = {"dry_run": dry_run, "rename": rename, "notify": notify}
    made = Import(kind=kind, name=name, file=data, started_at=now, who=by, language=present(), refused=[], **how)
    try:
        table = file.read(kind, data, most_rows)
        if ask:
            raise file.ToConfirm(table.header)
    except file.ToConfirm as asked:
        made.to_confirm, made.total, made.columns = True, 0, list(asked.header.columns)
    else:
        made.total, made.ignored = len(table.rows), table.header.ignored
        for name, value in _asks(session, made, table.rows, brake, now, preview).items():
            setattr(made, name, value)
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


def _asks(
    session: Session, found: Import, rows: list[Row], brake: Brake | None, now: datetime, preview: bool
) -> dict[str, Any]:
    """What to set on an import that may remove people from courses: it is tried out first, or waits because of the
    brake."""
    if brake is None:
        return {"to_confirm": False}
    removing = braking.removing(session, found.kind, rows, lambda: now)
    tried_out = found.dry_run or (preview and bool(removing))
    stopped = [] if tried_out else [one for one in removing if brake.stops(one.removed, one.of)]
    shown = [list(vars(one).values()) for one in (removing if tried_out else stopped)]
    return {"to_confirm": bool(stopped), "dry_run": tried_out, "removes": shown or None}


def release(session: Session, found: Import, *, remove: bool) -> None:
    """Resume an import that the brake stopped: `remove` the people, or refuse their rows. Never commits."""
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
    preview: bool = False,
) -> None:
    """Set the file's columns as a person has confirmed them; `preview` as in `start`. Raises file.Unusable. Never
    commits."""
    table = file.read(found.kind, found.file or b"", most_rows, columns)
    values = {"columns": columns, "ignored": table.header.ignored, "total": len(table.rows)}
    values |= _asks(session, found, table.rows, brake, now or found.started_at, preview)
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

    Returns False if there is none.
    """
    found = _take_up(session, now(), import_id)
    if found is None:
        return False
    import_id = found.id
    try:
        with in_language(nearest(found.language) or SOURCE):
            _go_on(session, found, now, stop, brake, timezone)
    except _Overtaken:
        session.rollback()
    except (OperationalError, InterfaceError):
        # The database is away or busy; the file is not to blame.
        session.rollback()
        raise
    except Exception:
        log.exception("An import can't be finished.", extra=about(import_id=import_id))
        session.rollback()
        begin_writing(session)
        change(session, _its(import_id).values(finished_at=now(), file=None, broken=True))
        session.commit()
    return True


def _take_up(session: Session, now: datetime, import_id: int | None) -> Import | None:
    until = Import.taken_until_at
    # A time further in the future than this was set by a clock that has been put back since.
    free = [
        Import.finished_at.is_(None),
        Import.to_confirm.is_(False),
        or_(until.is_(None), until <= now, until > now + 2 * pauses.IMPORT_TAKEN),
    ]
    if import_id is not None:
        free += [Import.id == import_id]
    found = session.scalar(select(Import.id).where(*free).order_by(Import.id).limit(1))
    session.rollback()
    if found is None:
        return None
    begin_writing(session)
    took = change(session, _its(found).where(*free).values(taken_until_at=now + pauses.IMPORT_TAKEN))
    session.commit()
    return session.get(Import, found, populate_existing=True) if took else None


def _go_on(
    session: Session, found: Import, now: Now, stop: Callable[[], bool], brake: Brake | None, timezone: tzinfo
) -> None:
    import_id = found.id
    rows = file.read(found.kind, found.file or b"", columns=found.columns).rows
    # Nobody can be asked for a number in a dry run, which shows what happens after it was typed.
    brake = None if found.dry_run or found.may_remove else brake
    how = (found.dry_run, found.rename, brake, timezone, found.notify, found.name)
    through = Run(session, found.kind, rows, now, found.who, *how)
    if found.dry_run:
        begin_writing(session)
        change(session, _its(import_id).values(done=0))
    else:
        refused, remarks = ([(line, words) for line, words in those or []] for those in (found.refused, found.remarks))
        through.act_id = found.act_id
        before = Report(found.made, found.changed, found.unchanged, refused, remarks, new_people=found.new_people)
        through.go_on_from(found.done, before)
    session.commit()

    def keep(done: int, report: Report) -> None:
        facts = {"done": done, "taken_until_at": now() + pauses.IMPORT_TAKEN, "act_id": through.act_id, **vars(report)}
        if done == len(through.rows):
            is_over = not (through.dry_run or report.refused)
            # For a while, a file that was only tried out can be imported, and refused rows can be corrected.
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
    """Delete the reports of old imports, whose reasons may be about people, and files that nobody confirmed."""
    unconfirmed = and_(Import.to_confirm, Import.started_at < now - pauses.IMPORT_WAITS)
    change(session, delete(Import).where(or_(Import.started_at < now - pauses.IMPORT_KEPT, unconfirmed)))
    done_with = update(Import).where(Import.finished_at < now - pauses.IMPORT_WAITS, Import.file.is_not(None))
    change(session, done_with.values(file=None, outcomes=None))


def table_of(found: Import) -> file.Table | None:
    """What is in the import's file; None if the file is not kept any more."""
    return file.read(found.kind, found.file, columns=found.columns) if found.file is not None else None
