"""/tools/import: a CSV file of courses, participants or registrations, or the trying out of one."""

from flask import render_template, request

from .. import drain, imports
from ..forms import ImportForm
from .base import blueprint, for_administrators, person, session

LARGEST = 5_000_000
MOST_ROWS = 20_000
"""More would outlast the patience of the servers in between; the command takes longer files."""

SHOWN = 200


@blueprint.url_value_preprocessor
def let_a_file_in(endpoint: str | None, values: dict | None) -> None:
    """Let this page take more than the others, before the CSRF check reads the form."""
    if endpoint == "ascriptica.import_file":
        # What is too large for this page is answered by it, up to what the command would take.
        request.max_content_length = imports.LARGEST_FILE + 1_000_000


@blueprint.route("/tools/import", methods=["GET", "POST"])
@for_administrators
def import_file():
    """Import a file, and tell what became of its rows."""
    form = ImportForm()
    if not form.validate_on_submit():
        return _page(form, status=422 if form.errors else 200)
    kind, dry_run = form.kind.data, form.dry_run.data
    try:
        rows = _read(kind, form.file.data.read(LARGEST + 1))
    except imports.Unusable as reason:
        form.file.errors = [str(reason)]
        return _page(form, status=422)
    report = imports.run(session(), kind, rows, drain.utc_now, person().email, dry_run=dry_run)
    return _page(form, report, len(rows))


def _read(kind: str, data: bytes) -> list[imports.Row]:
    if len(data) > LARGEST:
        raise imports.Unusable(
            f"The file is larger than {LARGEST // 1_000_000} MB. Split it, or use the command flask ascriptica import."
        )
    return imports.read(kind, data, MOST_ROWS)


def _page(form: ImportForm, report: imports.Report | None = None, rows: int = 0, status: int = 200):
    return render_template(
        "ascriptica/import.html",
        form=form,
        report=report,
        rows=rows,
        shown=SHOWN,
        columns=imports.COLUMNS,
        needed=imports.NEEDED,
    ), status
