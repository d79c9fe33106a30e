"""Makes the tables, or upgrades them, by the migrations."""

import importlib.resources
from pathlib import Path

from flask import Flask
from sqlalchemy import text


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
