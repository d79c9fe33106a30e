"""Creates or upgrades the tables with the migrations."""

import importlib.resources
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ..shared import pauses
from .locks import is_in_the_way

if TYPE_CHECKING:
    from alembic.config import Config


KNOWN = ("sqlite", "postgresql")


class UnknownDatabase(RuntimeError):
    """The database is of a kind that we don't support."""


class MixedTables(RuntimeError):
    """Some tables are of a newer version than the database says."""


ANOTHER_VERSION = {"42701", "42703", "42704", "42710", "42P01", "42P07"}
"""PostgreSQL's codes for what is there already (a column, table, index or constraint), or not there."""


def _is_of_another_version(error: DBAPIError) -> bool:
    reason = error.orig
    code = getattr(reason, "sqlstate", None) or getattr(reason, "pgcode", None)
    said = ("duplicate column", "already exists", "no such")
    return code in ANOTHER_VERSION or (code is None and any(words in str(reason) for words in said))


def refuse_unknown(engine: Engine) -> None:
    """Raise UnknownDatabase, with a sentence, unless the database is of a kind that we support."""
    if (name := engine.dialect.name) not in KNOWN:
        raise UnknownDatabase(f"Ascriptica needs SQLite or PostgreSQL, and this one is {name}. Nothing was created.")


def sqlite_file(engine: Engine) -> Path | None:
    """The file of a SQLite database; None for another database, or one in memory."""
    name = engine.url.database if engine.dialect.name == "sqlite" else None
    return Path(name) if name and not name.startswith((":memory:", "file:")) else None


def _make_private(file: Path) -> None:
    """Create SQLite's file if it does not exist, private to its owner no matter what the umask is. SQLite gives the
    same mode to the files that it adds next to it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


# Every process imports this module; only these functions need Alembic, whose import takes a tenth of a second.


@contextmanager
def _migrations() -> Iterator["Config"]:
    from alembic.config import Config

    migrations = importlib.resources.files("ascriptica_plugin.migrations")
    with importlib.resources.as_file(migrations) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        yield config


def upgrade_tables(app: Flask) -> None:
    """Create the tables, or upgrade them to this version.

    On SQLite, turn on WAL if the database is ours alone, so that a write doesn't block readers. Raises UnknownDatabase
    before anything is made, and MixedTables, with a sentence, where a backup was restored over newer tables, or another
    process is upgrading them.
    """
    import alembic.command

    with _migrations() as config, app.app_context():
        engine = app.extensions["sqlalchemy"].engine
        refuse_unknown(engine)
        if file := sqlite_file(engine):
            _make_private(file)
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite" and app.extensions["ascriptica"].owns_database:
                connection.execute(text("PRAGMA journal_mode=WAL"))
                connection.commit()
            config.attributes["connection"] = connection
            try:
                _while_others_work(connection, lambda: alembic.command.upgrade(config, "head"))
            except DBAPIError as error:
                if not _is_of_another_version(error):
                    raise
                reason = str(error.orig).strip().partition("\n")[0]
                raise MixedTables(
                    f"The tables are a mixture of two versions: {reason}. If another process is upgrading them, run "
                    "this again once it has ended. If a backup was restored over newer tables, restore it again, into "
                    "a database without them: docs/operator.md, Back up and restore."
                ) from error
            connection.commit()


def _while_others_work(connection: Connection, upgrade: Callable[[], None]) -> None:
    """Upgrade while web processes and workers use the tables, on PostgreSQL. A revision that waits for the lock on a
    table makes everybody behind it wait, too, so it doesn't wait for long.

    It is repeated if somebody else had the lock, or if it had to give way in a deadlock; finished revisions stay.
    """
    if connection.dialect.name != "postgresql":
        upgrade()
        return None
    try:
        for left in reversed(range(pauses.UPGRADE_TRIES)):
            connection.execute(text(f"SET lock_timeout = '{pauses.UPGRADE_LOCK_SECONDS * 1000:.0f}ms'"))
            connection.commit()
            try:
                return upgrade()
            except DBAPIError as error:
                connection.rollback()
                if not (left and is_in_the_way(error)):
                    raise
            time.sleep(pauses.UPGRADE_PAUSE_SECONDS)
    finally:
        connection.execute(text("RESET lock_timeout"))
        connection.commit()


def is_up_to_date(connection: Connection) -> bool:
    """Whether the tables are those of this version."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with _migrations() as config:
        newest = ScriptDirectory.from_config(config).get_current_head()
    known = MigrationContext.configure(connection, opts={"version_table": "ascriptica_alembic_version"})
    return known.get_current_revision() == newest
