"""Tables and migrations agree, and leave a host's own tables alone."""

import importlib.resources
import warnings

import alembic.command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.upgrade import upgrade_tables


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files("ascriptica_plugin.migrations")))
    return config


def test_migrations_and_models_agree_and_go_down_to_nothing(app):
    engine = app.extensions["sqlalchemy"].engine
    config = migrations()
    with engine.connect() as connection, warnings.catch_warnings():
        # Alembic can't compare an index on lower(...) on SQLite, and says so.
        warnings.filterwarnings("ignore", "autogenerate skipping")
        warnings.filterwarnings("ignore", "Skipped unsupported reflection")
        left = ("first_tried_at", "in_doubt_until", "in_doubt_enrolls", "granted", "enrolled", "kept")
        ours = [
            change
            for change in compare_metadata(
                MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata
            )
            # Web processes of the release before use them during an upgrade; the next release drops them.
            if not (change[0] == "remove_column" and change[2] == "ascriptica_seat" and change[3].name in left)
        ]
        assert [change for change in ours if "ascriptica_alembic_version" not in str(change)] == []
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "base")
        connection.commit()
        assert inspect(connection).get_table_names() == ["ascriptica_alembic_version"]
        alembic.command.upgrade(config, "head")
        connection.commit()


def test_a_host_s_own_tables_are_left_alone(app):
    with app.extensions["sqlalchemy"].engine.begin() as connection:
        connection.execute(text("CREATE TABLE host_thing (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
    upgrade_tables(app)
    with app.extensions["sqlalchemy"].engine.begin() as connection:
        assert {"host_thing", "alembic_version", "ascriptica_seat"} <= set(inspect(connection).get_table_names())
        connection.execute(text("DROP TABLE host_thing"))
        connection.execute(text("DROP TABLE alembic_version"))


def test_upgrading_twice_changes_nothing(app):
    upgrade_tables(app)
    assert app.test_client().get("/healthz").status_code == 200


def test_an_installation_of_the_release_before_is_carried_over_and_nobody_is_sent_again(office, canvas):
    """Enrolled by us, there before us, withdrawn, and one whose answer was lost; then down, up, and a drain."""
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    canvas.options(clock_offset_seconds=-3600)
    canvas.by_hand("kim", "bio")
    canvas.options(clock_offset_seconds=0)
    for who in ("kim", "lou", "new"):
        office.register(art, who)
    office.register(bio, "kim")
    office.deliver()
    office.withdraw(art, "new")
    office.deliver()
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    office.register(bio, "lou")
    office.deliver()
    before = canvas.rows()
    config = migrations()
    with office.app.extensions["sqlalchemy"].engine.connect() as connection:
        office.session.rollback()
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "0009")
        connection.commit()
        alembic.command.upgrade(config, "head")
        connection.commit()
    assert [call for call in office.deliver() if not call.startswith("GET")] == []
    for _ in range(3):
        office.later(minutes=20)
        office.deliver()
    assert canvas.rows() == before
    assert office.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 4, "removed": 1}
    # What was ours still is, and what was not is asked about.
    for course, who in ((art, "kim"), (art, "lou"), (bio, "kim"), (bio, "lou")):
        office.withdraw(course, who)
    office.deliver()
    assert canvas.who_is_in("art") == set()
    assert canvas.who_is_in("bio") == {"kim@example.org"}
    assert [seat.cause for seat in office.seats() if seat.cause] == ["found_there"]
