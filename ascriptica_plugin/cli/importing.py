"""The import command: a CSV file of courses, participants or registrations."""

from pathlib import Path
from typing import BinaryIO

import click
from flask import current_app
from flask.cli import with_appcontext

from ..office.imports import run
from ..office.imports.file import LARGEST_FILE, Table, read
from ..office.imports.header import COLUMNS, Header, ToConfirm, Unusable
from ..shared import clock
from ..tables import isolation


@click.command("import")
@click.argument("kind", type=click.Choice(tuple(COLUMNS)))
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Show what would happen to each row, and change nothing.")
@click.option("--accept-columns", is_flag=True, help="Read the columns as the command has shown.")
@click.option("--rename", is_flag=True, help="Rename people who have another name here than in the file.")
@click.option("--notify", is_flag=True, help="Mail the people whom the file registers or withdraws.")
@click.option("--yes", is_flag=True, help="Remove people even if that is many of a course's people.")
@click.pass_context
@with_appcontext
def import_file(
    context: click.Context,
    kind: str,
    file: BinaryIO,
    dry_run: bool,
    accept_columns: bool,
    rename: bool,
    notify: bool,
    yes: bool,
) -> None:
    """Import courses, participants or registrations from a CSV file in UTF-8.

    The first line names the columns: code,title,capacity,canvas_course,canvas_section for courses;
    email,name,sis_user_id for participants; email,name,sis_user_id,course,status for registrations. A status is
    registered or withdrawn. Somebody new needs a name. If the columns have other names, the command shows how it would
    read them, and reads them so with --accept-columns. Further columns are ignored and listed. A blank cell changes
    nothing. Rows that can't be imported are listed with line and reason; the others are imported. Exit code 0: all were
    imported; 1: some were not, or not with their SIS ID; 2: the file can't be used. Rows that would withdraw or move
    many of a course's people are refused without --yes. Nobody is mailed without --notify.
    """
    try:
        table = _read(kind, file.read(LARGEST_FILE + 1), accept_columns)
    except Unusable as unusable:
        click.echo(f"Error: {unusable}", err=True)
        context.exit(2)
    except ToConfirm as asked:
        click.echo(_offer(asked.header), err=True)
        context.exit(2)

    def progress(before: int, done: int) -> None:
        if before // 1000 < done // 1000:
            click.echo(f"{done:,} of {len(table.rows):,} rows", err=True)

    session = current_app.extensions["sqlalchemy"].session
    brake = None if yes else current_app.extensions["ascriptica"].brake
    isolation.begin_ours(session)
    report = run.run(
        session,
        kind,
        table.rows,
        clock.utc_now,
        "the import command",
        dry_run=dry_run,
        rename=rename,
        notify=notify,
        brake=brake,
        timezone=current_app.extensions["ascriptica"].timezone,
        file_name=Path(file.name).name[-255:],
        how_to_rename="import it with --rename",
        progress=progress,
    )
    for line, words in sorted([*report.refused, *report.remarks]):
        click.echo(f"line {line}: {words}")
    if table.header.ignored:
        click.echo(f"Ignored columns: {', '.join(table.header.ignored)}.")
    click.echo(f"{report}." + (" This was a dry run: nothing was changed." if dry_run else ""))
    context.exit(1 if report.refused or report.remarks else 0)


def _read(kind: str, data: bytes, accept_columns: bool) -> Table:
    try:
        return read(kind, data)
    except ToConfirm as asked:
        if not accept_columns:
            raise
        return read(kind, data, columns=asked.header.columns)


def _offer(header: Header) -> str:
    """How the columns of a file with other names than ours would be read."""
    lines = ["Error: the columns have other names than ours. They would be read like this:"]
    for at, column in enumerate(header.columns):
        lines.append(f"  {header.shown(at)}: {column.replace('_', ' ') if column else 'ignored'}")
    lines.append("Run the command again with --accept-columns to import the file like that, or correct the first line.")
    return "\n".join(lines)
