"""/tools/import: import or try out a CSV file of courses, participants or registrations, and show the report."""

import time
from dataclasses import dataclass, replace
from typing import IO, Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import defer

from ...ledger import activity
from ...ledger.moves import Someone
from ...office import emails, names, people
from ...office.imports import braking, header, uploads
from ...office.imports import file as files
from ...shared import clock, pauses
from ...shared.formats import listed
from ...shared.language import Marked, number, t
from ...tables.imports import Import
from ..base import blueprint, plugin, session
from ..forms.courses import NumberForm
from ..forms.imports import KINDS, ImportForm
from ..guards import for_administrators, only_administrators, person
from ..paging import page_of_people
from ..showing import show
from ..spreadsheet import csv_file, csv_line

OUTCOMES: Marked[dict[str, str]] = {
    "made": "New",
    "made with person": "New, with a new participant",
    "changed": "Changed",
    "withdrawn": "Withdrawn",
    "unchanged": "Unchanged",
}
IMPORT_AS: Marked[dict[str, str]] = {
    "courses": "Import it as courses",
    "participants": "Import it as participants",
    "registrations": "Import it as registrations",
}
"""The text of the button if the kind is a guess."""

SHOWN = 100
"""How many lines of a report one page shows."""

LONGEST = 300
"""How many characters of a row a line shows."""

LAST = 10


@blueprint.url_value_preprocessor
def let_a_file_in(endpoint: str | None, values: dict | None) -> None:
    """Raise the upload limit for this page, before the CSRF check reads the form.

    Only for administrators: from other people nothing is read.
    """
    if endpoint == "ascriptica.import_file":
        # A request that only shows the page has no body, and the page's own guard answers it.
        if request.method == "POST":
            only_administrators()
        # Up to the limit of the command, this page itself answers that a file is too large for it.
        request.max_content_length = files.LARGEST_FILE + 1_000_000


@blueprint.route("/tools/import", methods=["GET", "POST"])
@for_administrators
def import_file() -> ResponseReturnValue:
    """Upload a file, and list the recent imports."""
    form = ImportForm(kind=request.args.get("kind"))
    if not form.validate_on_submit():
        return _page(form, status=422 if form.errors else 200)
    try:
        made = _start(form)
    except header.Unusable as reason:
        form.file.errors = [str(reason)]
        return _page(form, status=422)
    import_id = made.id
    session().commit()
    return _go_on(import_id)


def _start(form: ImportForm) -> Import:
    """Store the file. If its columns fit another kind than the chosen one, it is stored as that kind. Raises
    header.Unusable."""
    file = form.file.data
    data = _read(file.stream)

    def start(kind: str, *, ask: bool) -> Import:
        return uploads.start(
            session(),
            kind,
            names.CONTROLS.sub("", file.filename or "")[-255:],
            data,
            clock.utc_now(),
            person().email,
            dry_run=form.dry_run.data,
            most_rows=uploads.MOST_ROWS,
            rename=form.rename.data,
            notify=form.notify.data,
            brake=plugin().brake,
            preview=True,
            ask=ask,
        )

    try:
        return start(form.kind.data, ask=False)
    except header.OtherKind as other:
        made, kinds = start(other.kind, ask=True), {"kind": t(KINDS[form.kind.data]), "other": t(KINDS[other.kind])}
        flash(t("You chose {kind}, and the file has the columns of {other}.", **kinds), "warning")
        return made


def _go_on(import_id: int) -> ResponseReturnValue:
    """Work on the import for a moment, then show how far it has come."""
    until, its = time.monotonic() + pauses.IMPORT_AT_ONCE_SECONDS, plugin()
    how = {"brake": its.brake, "timezone": its.timezone}
    uploads.go_on(session(), clock.utc_now, lambda: time.monotonic() > until, import_id, **how)
    return redirect(url_for(".import_report", import_id=import_id))


def _read(stream: IO[bytes]) -> bytes:
    data = stream.read(uploads.LARGEST_UPLOAD + 1)
    if len(data) > uploads.LARGEST_UPLOAD:
        raise header.Unusable(
            t(
                "The file is larger than {size} MB. Split it, or use the command flask ascriptica import.",
                size=uploads.LARGEST_UPLOAD // 1_000_000,
            )
        )
    return data


@blueprint.get("/tools/import/<int:import_id>")
@for_administrators
def import_report(import_id: int) -> ResponseReturnValue:
    """The results of an import so far, or the page that asks what its columns are."""
    found = session().get(Import, import_id, options=[defer(Import.file)]) or abort(404)
    if found.to_confirm:
        return _brake(found, NumberForm()) if found.removes else _columns(found, found.columns or [])
    kept = session().scalar(select(Import.file.is_not(None)).where(Import.id == import_id))
    outcomes = found.outcomes if kept and found.dry_run and found.finished_at else None
    refused, remarks = _part("refused", found.refused), _part("remarks", found.remarks or [])
    tried = _part("tried", outcomes or [])
    cells = _cells(found) if kept and found.finished_at and any((refused.lines, remarks.lines, tried.lines)) else {}
    return show(
        "ascriptica/import_report.html",
        its=found,
        who=_who(found),
        kept=kept,
        removed_of=_removed_of(found, moving=True) if kept and found.dry_run and found.finished_at else {},
        asks=_asks(found),
        here=url_for(".import_report", import_id=found.id),
        page_of_people=page_of_people,
        refused=_with_cells(refused, cells),
        remarks=_with_cells(remarks, cells),
        tried=_line_by_line(tried, cells),
    )


@dataclass(frozen=True)
class Part:
    """The part of a report's list, called `name`, that one page shows: its `lines`, how many are `before` them, and the
    `total`."""

    name: str
    lines: list[Any]
    before: int
    total: int

    @property
    def back(self) -> int | None:
        """The number of lines before the previous part; None if this is the first part."""
        return max(0, self.before - SHOWN) if self.before else None

    @property
    def on(self) -> int | None:
        """The number of lines before the next part; None if this is the last part."""
        last = self.before + len(self.lines)
        return last if last < self.total else None


def _part(name: str, everything: list[Any]) -> Part:
    """The part of this list that the address asks for. Its lines don't change."""
    typed = request.args.get(name, "")
    before = min(int(typed[:9]), max(0, len(everything) - 1)) if typed.isascii() and typed.isdigit() else 0
    return Part(name, sorted(everything)[before : before + SHOWN], before, len(everything))


def _cells(found: Import) -> dict[int, str]:
    """The text of the rows by line, while the file is kept. A report does not show it any longer than that."""
    table = uploads.table_of(found)
    rows = table.rows if table else []
    filled = {row.line: ", ".join(cell for cell in row.cells.values() or row.as_sent if cell) for row in rows}
    return {line: cells if len(cells) <= LONGEST else f"{cells[: LONGEST - 1]}…" for line, cells in filled.items()}


def _with_cells(part: Part, cells: dict[int, str]) -> Part:
    return replace(part, lines=[(line, reason, cells.get(line, "")) for line, reason in part.lines])


def _line_by_line(part: Part, cells: dict[int, str]) -> Part:
    """What would happen to each of these rows, all of which can be imported: the line, the outcome with the row, and
    the differences."""
    # The previous release stored no differences.
    said = [
        (line, f"{t(OUTCOMES[outcome])}: {cells.get(line, '')}", differs[0] if differs else "")
        for line, outcome, *differs in part.lines
    ]
    return replace(part, lines=said)


@blueprint.get("/tools/import/template/<kind>.csv")
@for_administrators
def import_template(kind: str) -> ResponseReturnValue:
    """A file to fill in: the columns of this kind, and one row as an example."""
    columns = header.COLUMNS.get(kind) or abort(404)
    return csv_file(f"{kind}.csv", columns, iter([csv_line([header.EXPLAINED[name][1] for name in columns])]))


@blueprint.post("/tools/import/<int:import_id>/now")
@for_administrators
def import_now(import_id: int) -> ResponseReturnValue:
    """Import a file that was only tried out, without sending it again."""
    found = session().get(Import, import_id) or abort(404)
    if not found.dry_run or found.finished_at is None or found.file is None:
        flash(t("That file is not here any more. Send it again."), "warning")
        return redirect(url_for(".import_report", import_id=import_id))
    now, columns = clock.utc_now(), found.columns
    made = uploads.start(
        session(),
        found.kind,
        found.name,
        found.file,
        now,
        person().email,
        dry_run=False,
        most_rows=uploads.MOST_ROWS,
        rename=found.rename,
        notify=found.notify,
        brake=plugin().brake,
        # The columns were confirmed before the file was tried out.
        ask=columns is not None,
    )
    if columns is not None:
        uploads.confirm(session(), made, columns, uploads.MOST_ROWS, plugin().brake, now)
    made_id = made.id
    session().commit()
    return _go_on(made_id)


@blueprint.post("/tools/import/<int:import_id>/refused.csv")
@for_administrators
def refused_rows(import_id: int) -> ResponseReturnValue:
    """The rows that could not be imported, each with the reason, to be corrected and sent again."""
    found = session().get(Import, import_id) or abort(404)
    table = uploads.table_of(found)
    if table is None:
        flash(t("That file is not here any more. Send it again."), "warning")
        return redirect(url_for(".import_report", import_id=import_id))
    columns, *rows = files.with_reasons(table, found.refused)
    activity.note(session(), clock.utc_now(), person().email, "exported refused rows")
    session().commit()
    return csv_file(f"{found.kind}-refused.csv", columns, map(csv_line, rows))


@blueprint.post("/tools/import/<int:import_id>/columns")
@for_administrators
def confirm_columns(import_id: int) -> ResponseReturnValue:
    """Take the answer about the columns of a file, and import the file."""
    found = session().get(Import, import_id) or abort(404)
    if found.to_confirm and not found.removes:
        chosen = [request.form.get(f"column-{at}") or None for at in range(len(found.columns or []))]
        try:
            uploads.confirm(session(), found, chosen, uploads.MOST_ROWS, plugin().brake, clock.utc_now(), preview=True)
        except header.Unusable as reason:
            return _columns(found, chosen, str(reason))
        session().commit()
    return _go_on(import_id)


@blueprint.post("/tools/import/<int:import_id>/removing")
@for_administrators
def confirm_removing(import_id: int) -> ResponseReturnValue:
    """Take the answer about a file that would remove many people: they are removed, or they stay."""
    found, form = session().get(Import, import_id) or abort(404), NumberForm()
    if not found.to_confirm or not found.removes:
        return redirect(url_for(".import_report", import_id=import_id))
    remove = "without" not in request.form
    if remove and not form.is_right(_removed(found)):
        return _brake(found, form)
    uploads.release(session(), found, remove=remove)
    session().commit()
    return _go_on(import_id)


def _who(found: Import) -> str:
    """The name of the person who sent the file, as the activity log shows it."""
    those = people.by_email(session(), [found.who]).get(emails.as_compared(found.who))
    return those[0].name if those else found.who


def _asks(found: Import) -> str:
    """Says that `import_now` will ask for a number, if the brake stops a file that was tried out; otherwise ""."""
    stopped = [(title, removed) for _, title, removed, of in found.removes or [] if plugin().brake.stops(removed, of)]
    if not stopped:
        return ""
    return t(
        "Many people would be removed from {courses}. When you import the file, you will be asked to type how many: "
        "{number}.",
        courses=listed([title for title, _ in stopped]),
        number=number(sum(removed for _, removed in stopped)),
    )


def _removed(found: Import) -> int:
    return sum(removed for _, _, removed, _ in found.removes or [])


def _removed_of(found: Import, *, moving: bool = False) -> dict[str, list[Someone]]:
    """The people whom a file would remove, or move within Canvas, by the code of their course, while the file is
    kept."""
    table, codes = uploads.table_of(found), [code for code, *_ in found.removes or []]
    return braking.people(session(), found.kind, table.rows, codes, moving=moving) if table and codes else {}


def _brake(found: Import, form: NumberForm) -> ResponseReturnValue:
    page = show(
        "ascriptica/import_brake.html",
        its=found,
        form=form,
        removed=_removed(found),
        removed_of=_removed_of(found),
        here=url_for(".import_report", import_id=found.id),
        page_of_people=page_of_people,
    )
    return page, 422 if form.number.errors else 200


def _columns(found: Import, chosen: list[str | None], problem: str | None = None) -> ResponseReturnValue:
    return show(
        "ascriptica/import_columns.html",
        its=found,
        header=uploads.offered(found),
        fields=header.fields(found.kind),
        called=header.CALLED,
        chosen=chosen,
        import_as=IMPORT_AS[found.kind],
        problem=problem,
    ), 422 if problem else 200


def _page(form: ImportForm, status: int = 200) -> ResponseReturnValue:
    last = select(Import).options(defer(Import.file), defer(Import.refused)).order_by(Import.id.desc()).limit(LAST)
    return show(
        "ascriptica/import.html",
        form=form,
        last=session().scalars(last).all(),
        # A number made when the template is loaded would stay in the language of the first visitor.
        most_rows=uploads.MOST_ROWS,
        columns=header.COLUMNS,
        needed=header.NEEDED,
        explained=header.EXPLAINED,
        days=pauses.IMPORT_KEPT.days,
        by_mail=plugin().mailer is not None,
    ), status
