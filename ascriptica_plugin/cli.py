"""flask ascriptica ...: what an operator types."""

import importlib.resources
import json
import logging
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import text

from . import drain, jobs, seats
from .models import load_settings


def make_group() -> AppGroup:
    """The `ascriptica` command group for one application."""
    group = AppGroup("ascriptica", help="Registrations that become Canvas enrollments.")
    for command in (upgrade, worker, status, practice_canvas):
        group.add_command(command)
    return group


def upgrade_tables(app: Flask) -> None:
    """Make the tables, or bring them up to this version; on SQLite also lets readers and a writer work at once."""
    # Every process imports this room; only this one call needs Alembic, whose import takes a tenth of a second.
    import alembic.command
    from alembic.config import Config

    migrations = importlib.resources.files("ascriptica_plugin.migrations")
    with importlib.resources.as_file(migrations) as folder, app.app_context():
        engine = app.extensions["sqlalchemy"].engine
        if engine.dialect.name == "sqlite" and engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.execute(text("PRAGMA journal_mode=WAL"))
                connection.commit()
            config = Config()
            config.set_main_option("script_location", str(folder).replace("%", "%%"))
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
            connection.commit()


@click.command
@with_appcontext
def upgrade() -> None:
    """Make or upgrade the tables."""
    upgrade_tables(current_app._get_current_object())
    click.echo("The tables are up to date.")


@click.command
@with_appcontext
def worker() -> None:
    """Run the worker: talks to Canvas, until told to end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # RQ tells each job's coming and going, and its own housekeeping.
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    jobs.work(current_app._get_current_object())


@click.command
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_appcontext
def status(as_json: bool) -> None:
    """Tell how many seats stand where, and how the connection to Canvas does."""
    session = current_app.extensions["sqlalchemy"].session
    found = seats.status(session, load_settings(session), drain.utc_now())
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"Connection to Canvas: {found['connection']}" + (f" ({found['hold']})" if found["hold"] else ""))
    for name, count in found["seats"].items():
        click.echo(f"{name:>10}  {count}")
    if found["oldest_due_seconds"] is not None:
        click.echo(f"The oldest has been due for {found['oldest_due_seconds']:.0f} s.")


@click.command
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5001, show_default=True)
@click.option("--data-file", type=click.Path(path_type=Path), help="Keep its world here; default: only in memory.")
def practice_canvas(host: str, port: int, data_file: Path | None) -> None:
    """Run the practice Canvas alone: a stand-in for trying and testing."""
    from .practice import create_practice_canvas, serve

    app = create_practice_canvas(data_file)
    server = serve(app, host, port)
    world = app.extensions["practice"]
    click.echo("This is the practice Canvas, not Canvas.")
    click.echo(f"URL      http://{host}:{server.port}/api/v1")
    click.echo(f"Token    {world.admin_token}")
    click.echo(f"Root ID  {world.root_account_id}")
    server.serve_forever()
