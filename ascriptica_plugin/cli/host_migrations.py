"""Whether a host's own migrations would drop our tables."""

import logging.config
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from sqlalchemy import MetaData, Table
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from alembic.config import Config

OURS = "ascriptica_seat"
"""One of our tables; any will do."""


def config_of(app: Flask) -> "Config | None":
    """Alembic's configuration, from Flask-Migrate or the current folder; None for a host without migrations."""
    if migrate := app.extensions.get("migrate"):
        return migrate.migrate.get_config() if Path(migrate.directory, "env.py").exists() else None
    if not Path("alembic.ini").exists():
        return None
    from alembic.config import Config

    return Config("alembic.ini")


def check(config: "Config") -> str | None:
    """Check that `flask db migrate`, or `alembic revision --autogenerate`, leaves our tables alone.

    Runs the host's `env.py`, which alone knows what it compares, but no migration. Changes nothing.
    """
    try:
        drops = _would_drop_ours(config)
    except SQLAlchemyError:
        # Another check reports what is wrong with the database.
        return None
    except Exception as error:
        return f"The env.py of this app's own migrations can't be run: {type(error).__name__}: {error}"
    if not drops:
        return None
    return (
        "This app's next migration would drop our tables. In its Migrate(...) or env.py, set include_object=not_ours, "
        "from ascriptica_plugin.migrations."
    )


def _would_drop_ours(config: "Config") -> bool:
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script, asked = ScriptDirectory.from_config(config), []

    def look(revision: Any, context: Any) -> list[Any]:
        seen = Table(OURS, MetaData())
        by_name, by_object = context.opts.get("include_name"), context.opts.get("include_object")
        names = {"schema_name": None, "schema_qualified_table_name": OURS}
        asked.append(
            (by_name is None or by_name(OURS, "table", names))
            and (by_object is None or by_object(seen, OURS, "table", True, None))
        )
        return []

    with _logging_left_alone(), EnvironmentContext(config, script, fn=look, dont_mutate=True):
        script.run_env()
    return any(asked)


@contextmanager
def _logging_left_alone() -> Iterator[None]:
    """Keep our own logging set-up: most `env.py` files set up logging again, which would replace it."""
    before = logging.config.fileConfig
    logging.config.fileConfig = lambda *args, **how: None
    try:
        yield
    finally:
        logging.config.fileConfig = before
