"""The `flask ascriptica` commands. The longer ones have modules of their own.

A command prints, and ends with an exit code; the rules are in `office`, `sync` and `ledger`. It knows nothing of pages
and RQ.
"""

import json
import logging
import os
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import OperationalError, ProgrammingError

from ..ledger import seat_states
from ..shared import clock, pauses, process_log
from ..tables.canvas import load_settings
from ..tables.upgrade import MixedTables, UnknownDatabase, upgrade_tables
from . import fetching, rechecking, self_check
from .importing import import_file


class _Group(AppGroup):
    """Reports a database error in one sentence."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (UnknownDatabase, MixedTables) as error:
            raise click.ClickException(str(error)) from None
        except (OperationalError, ProgrammingError) as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise click.ClickException(
                f"The database can't be used: {reason}. If its tables are not there yet, run: flask ascriptica upgrade"
            ) from None


def make_group() -> AppGroup:
    """The `ascriptica` command group for one application."""
    group = _Group("ascriptica", help="Turn registrations into Canvas enrollments.")
    for command in (
        upgrade,
        worker,
        import_file,
        status,
        recheck,
        fetch_results,
        check,
        worker_health,
        rotate_keys,
        practice_canvas,
    ):
        group.add_command(command)
    return group


@click.command
@with_appcontext
def upgrade() -> None:
    """Create or upgrade the tables."""
    upgrade_tables(current_app)
    click.echo("The tables are up to date.")


@click.command
@with_appcontext
def worker() -> None:
    """Run the worker, which talks to Canvas, until it is stopped."""
    process_log.begin(current_app.config["ASCRIPTICA_LOG"])
    # RQ logs the start and end of each job, and the loss of Redis with a traceback; the worker logs that in one line.
    logging.getLogger("rq.worker").setLevel(logging.CRITICAL)
    current_app.extensions["ascriptica"].work()
    # A call that hangs in its thread would keep the interpreter from exiting.
    logging.shutdown()
    os._exit(0)


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@with_appcontext
def status(as_json: bool) -> None:
    """Show the state of the seats and of the connection to Canvas, and when a worker was last seen."""
    session = current_app.extensions["sqlalchemy"].session
    heard_at = current_app.extensions["ascriptica"].bell.heard_at()
    found = seat_states.status(session, load_settings(session), clock.utc_now(), heard_at)
    if as_json:
        click.echo(json.dumps(found))
        return
    waits = f" (waits: {found['waits_for']})" if found["waits_for"] else ""
    click.echo(f"Connection to Canvas: {found['connection']}{waits}")
    for name, count in found["seats"].items():
        click.echo(f"{name:>10}  {count}")
    if found["oldest_due_seconds"] is not None:
        click.echo(f"The oldest has been due for {found['oldest_due_seconds']:.0f} s.")
    if found["worker_seen_seconds"] is None:
        click.echo("No worker has been seen.")
    else:
        click.echo(f"A worker was last seen {found['worker_seen_seconds']:.0f} s ago.")


@click.command
@click.option("--course", "code", help="Only this course's Canvas course.")
@click.option("--everything", is_flag=True, help="Also what no course uses any more.")
@click.pass_context
@with_appcontext
def recheck(context: click.Context, code: str | None, everything: bool) -> None:
    """Read the Canvas courses in use again, and note what is there, with or without a worker.

    Exit code 0: each was read, or Canvas said why not; 1: not in time, or nothing can be read.
    """
    if code and everything:
        raise click.UsageError("Choose one of --course and --everything.")
    database, plugin = current_app.extensions["sqlalchemy"], current_app.extensions["ascriptica"]
    where = (database.session, database.engine, plugin.canvases)
    try:
        for line in rechecking.recheck(*where, code, everything=everything):
            click.echo(line)
    except (ValueError, TimeoutError) as reason:
        click.echo(f"Error: {reason}", err=True)
        context.exit(1)


@click.command("fetch-results")
@click.option("--course", "code", help="Only this course's results, whether or not it wants any.")
@click.pass_context
@with_appcontext
def fetch_results(context: click.Context, code: str | None) -> None:
    """Fetch completions and scores of the courses that want them, with or without a worker.

    Exit code 0: each was fetched, or Canvas said why not; 1: not in time, or nothing can be fetched.
    """
    database, plugin = current_app.extensions["sqlalchemy"], current_app.extensions["ascriptica"]
    try:
        for line in fetching.fetch_results(database.session, database.engine, plugin.canvases, code):
            click.echo(line)
    except (ValueError, TimeoutError) as reason:
        click.echo(f"Error: {reason}", err=True)
        context.exit(1)


@click.command
@click.option("--deploy", is_flag=True, help="Also check what matters only in production.")
@click.pass_context
@with_appcontext
def check(context: click.Context, deploy: bool) -> None:
    """Check configuration, database, Redis, Canvas and host, and print a line for each. Changes nothing.

    Exit code 0: nothing is wrong, though there may be notes; 1: something is.
    """
    found = list(self_check.run(current_app, deploy))
    width = max(len(name) for name, _ in found) + 2
    is_wrong = False
    for name, said in found:
        is_note = isinstance(said, self_check.Note)
        is_wrong = is_wrong or (said is not None and not is_note)
        click.echo(f"{name + ':':<{width}}{'Note: ' if is_note else ''}{said or 'OK'}")
    context.exit(1 if is_wrong else 0)


@click.command("worker-health")
@click.pass_context
@with_appcontext
def worker_health(context: click.Context) -> None:
    """Check that a worker has listened, looked for work or drained within the last minute; for systemd and containers.

    Exit code 0: one has; 1: none has.
    """
    session = current_app.extensions["sqlalchemy"].session
    heard_at = current_app.extensions["ascriptica"].bell.heard_at()
    seen_at = seat_states.worker_seen_at(session, load_settings(session), heard_at)
    seconds = (clock.utc_now() - seen_at).total_seconds() if seen_at else None
    if seconds is None or seconds > pauses.ALIVE.total_seconds():
        when = "No worker has been seen." if seconds is None else f"The last worker was seen {seconds:.0f} s ago."
        click.echo(f"{when} Start one: flask ascriptica worker. If one is running, its process log says what stops it.")
        context.exit(1)
    click.echo(f"A worker was seen {max(0, seconds):.0f} s ago.")


@click.command("rotate-keys")
@click.pass_context
@with_appcontext
def rotate_keys(context: click.Context) -> None:
    """Encrypt the saved Canvas tokens, and all other saved secrets, with the newest of ASCRIPTICA_TOKEN_KEYS.

    Put a new key in front of the others everywhere, restart all processes, run this, then remove the old key. It can
    run while they do, and more than once. Exit code 1: something can't be read with any of the keys.
    """
    session, plugin = current_app.extensions["sqlalchemy"].session, current_app.extensions["ascriptica"]
    rotated = [(secrets, secrets.rotate(session, plugin.canvases.keys)) for secrets in plugin.secrets]
    session.commit()
    for secrets, its in rotated:
        if not (its.count or its.unreadable or secrets is plugin.secrets[0]):
            continue
        many = f"1 {secrets.one} is" if its.count == 1 else f"{its.count} {secrets.several} are"
        click.echo(f"{many} encrypted with the newest key.")
        for whose in its.unreadable:
            click.echo(f"The {secrets.one} of {whose} can't be read with any of the keys: {secrets.remedy}.")
    context.exit(1 if any(its.unreadable for _, its in rotated) else 0)


@click.command
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5001, show_default=True)
@click.option(
    "--data-file", type=click.Path(path_type=Path), help="Keep its data in this file; default: only in memory."
)
def practice_canvas(host: str, port: int, data_file: Path | None) -> None:
    """Run only the practice Canvas, a stand-in for trying and testing."""
    from ..practice import create_practice_canvas, serve
    from ..practice.rehearsing import ADMIN_NAME, password_of

    app = create_practice_canvas(data_file)
    server = serve(app, host, port)
    world = app.extensions["practice"]
    click.echo("This is the practice Canvas, not Canvas.")
    click.echo(f"URL      http://{host}:{server.port}/api/v1")
    click.echo(f"Token    {world.admin_token}")
    click.echo(f"Root ID  {world.root_account_id}")
    click.echo(f"Rehearse http://{host}:{server.port}/rehearse as {ADMIN_NAME}, {password_of(world.admin_token)}")
    server.serve_forever()
