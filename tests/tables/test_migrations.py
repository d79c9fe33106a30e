"""Tables and migrations agree, and leave a host's own tables alone."""

import importlib.resources
import warnings

import alembic.command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from ascriptica_plugin.migrations import LEFT_FOR_ONE_RELEASE
from sqlalchemy import inspect, select, text

from ascriptica_plugin.ledger import activity, seat_states
from ascriptica_plugin.office import people, sis_questions
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.shared.said import Said
from ascriptica_plugin.sync import disconnecting
from ascriptica_plugin.tables import upgrade
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.columns import Base, Sealed
from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Course, Participant
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..pages import all_of


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
        ours = [
            change
            for change in compare_metadata(
                MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata
            )
            if not (change[0] == "remove_column" and (change[2], change[3].name) in LEFT_FOR_ONE_RELEASE)
        ]
        assert [change for change in ours if "ascriptica_alembic_version" not in str(change)] == []
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "base")
        connection.commit()
        assert inspect(connection).get_table_names() == ["ascriptica_alembic_version"]
        alembic.command.upgrade(config, "head")
        connection.commit()


def test_an_upgrade_waits_for_others_who_use_a_table(app_on_postgresql, monkeypatch):
    """Somebody else is using a table when the upgrade wants it for itself."""
    engine, config = None, migrations()
    with app_on_postgresql.app_context():
        engine = app_on_postgresql.extensions["sqlalchemy"].engine
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "0009")
        connection.commit()
    somebody = engine.connect()
    somebody.execute(text("SELECT count(*) FROM ascriptica_seat"))
    slept = []

    def pause(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            somebody.close()

    monkeypatch.setattr(pauses, "UPGRADE_LOCK_SECONDS", 0.1)
    monkeypatch.setattr(upgrade.time, "sleep", pause)
    upgrade.upgrade_tables(app_on_postgresql)
    assert len(slept) == 2
    with engine.connect() as connection:
        assert upgrade.is_up_to_date(connection)
        assert connection.scalar(text("SHOW lock_timeout")) == "0"


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


def test_an_installation_of_the_release_before_is_upgraded_and_nobody_is_sent_again(office, canvas):
    """Enrolled by us, there before us, withdrawn, and one whose answer was lost; then down, up, and a drain."""
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    canvas.by_hand_before("kim", "bio")
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
        ids = art.id, bio.id
        office.session.remove()
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
    art, bio = (office.session.get_one(Course, number) for number in ids)
    # Enrollments that were ours still are; the office is asked about the others.
    for course, who in ((art, "kim"), (art, "lou"), (bio, "kim"), (bio, "lou")):
        office.withdraw(course, who)
    office.deliver()
    assert canvas.who_is_in("art") == set()
    assert canvas.who_is_in("bio") == {"kim@example.org"}
    assert [seat.cause for seat in office.seats() if seat.cause] == ["found_there"]


def test_a_canvas_that_the_release_before_disconnected_is_known_after_the_upgrade(office):
    settings = load_settings(office.session)
    disconnecting.forget(office.session, settings, settings.connection, office.canvases, office.now)
    key = Said("key", account="Practice University", url=office.canvas.api)
    activity.note(office.session, office.now, "boss@example.org", "disconnected", key)
    office.session.commit()
    office.session.remove()
    with office.app.extensions["sqlalchemy"].engine.connect() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "0041")
        connection.commit()
        alembic.command.upgrade(config, "head")
        connection.commit()
    last = seat_states.disconnected(office.session, load_settings(office.session))
    assert (last.connection.canvas_url, last.at) == (office.canvas.api, office.now)


def known_in_canvas(session, *numbers: int) -> None:
    there = Connection(
        canvas_url="https://c.org",
        canvas_root_id=1,
        account_name="C",
        token=Sealed(b"x"),
        token_owner="o",
        token_saved_at=clock.utc_now(),
    )
    session.add(there)
    session.flush()
    session.add_all([Match(connection_id=there.id, participant_id=n, canvas_user_id=n + 100) for n in numbers])
    session.commit()


def test_a_doubled_sis_id_stays_with_the_person_canvas_knows(app, session):
    """As it was in the release before: 1 and 2 have one, 3 and 4 have one, 5 to 7, 8 and 9, and blank ones."""
    doubled = {"S-1": [1, 2], "S-2": [3, 4], "S-3": [5, 6, 7], "0": [8, 9], "": [10, 11], "S-4": [12]}
    names = {1: "Émile Zoë", 2: "Иван", 3: "łukasz"}
    session.add_all([Participant(id=n, email=f"p{n}@x.org", name=names.get(n, "P")) for n in range(1, 13)])
    session.flush()
    known_in_canvas(session, 2, 3, 4, 12)
    engine, config = app.extensions["sqlalchemy"].engine, migrations()
    before = ScriptDirectory.from_config(config).get_revision("0011").down_revision
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, before)
        for sis_user_id, numbers in doubled.items():
            for number in numbers:
                given = {"sis": sis_user_id, "n": number}
                connection.execute(text("UPDATE ascriptica_participant SET sis_user_id = :sis WHERE id = :n"), given)
        connection.commit()
        alembic.command.upgrade(config, "head")
        connection.commit()
    after = {one.id: (one.sis_user_id, one.sis_user_id_refused) for one in all_of(app, Participant)}
    assert {n for n, (kept, _) in after.items() if kept} == {2, 12}
    assert {n: refused for n, (_, refused) in after.items() if refused} == {
        1: "S-1",
        3: "S-2",
        4: "S-2",
        5: "S-3",
        6: "S-3",
        7: "S-3",
        8: "0",
        9: "0",
    }
    questions, total = sis_questions.undecided(session)
    assert total == 3
    assert [(it.sis_user_id, it.holder and it.holder.id, [one.id for one in it.left_out]) for it in questions] == [
        ("S-1", 2, [1]),
        ("S-2", None, [3, 4]),
        ("S-3", None, [5, 6, 7]),
    ]
    for typed, number in (("emile", 1), ("ИВАН", 2), ("lukasz", 3)):
        assert session.scalars(select(Participant.id).where(people.matching(typed))).all() == [number]
    assert session.scalars(select(Participant.sorted_by).where(Participant.id == 1)).one() == "emile zoe"
