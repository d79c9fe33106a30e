"""Last night's database comes back: `recheck --everything` makes Canvas and us agree, and asks where a person must."""

from collections.abc import Callable
from pathlib import Path

import alembic.command
import pytest
from sqlalchemy import inspect, select, text

from ascriptica_plugin.office import answers
from ascriptica_plugin.tables.office import Course
from ascriptica_plugin.tables.upgrade import is_up_to_date, upgrade_tables

from ..backups import OTHERS_TOO, OURS_ALONE, back_up
from ..cli.test_rechecking import recheck
from ..office_at_work import Office, logged
from ..tables.test_migrations import migrations


@pytest.fixture
def backup(office: Office, tmp_path: Path) -> Callable[..., Callable[[], None]]:
    """Makes a backup as docs/operator.md says, and returns what brings it back."""
    engine = office.app.extensions["sqlalchemy"].engine

    def make(restore: str = OURS_ALONE) -> Callable[[], None]:
        office.session.commit()
        bring_back = back_up(office.app.config["SQLALCHEMY_DATABASE_URI"], tmp_path, restore)

        def come_back() -> None:
            # Web processes and worker are stopped.
            office.session.remove()
            engine.dispose()
            bring_back()

        return come_back

    return make


def test_a_restored_database_and_canvas_agree_again(office: Office, canvas, backup):
    course = office.course("ART", "art")
    for who in ("kim", "lou"):
        office.register(course, who)
    office.settle(2)
    come_back = backup()
    office.later(hours=8)
    office.withdraw(course, "lou")
    office.register(course, "new")
    office.settle(2)
    assert canvas.who_is_in("art") == {"kim@example.org", "new@example.org"}

    come_back()
    assert recheck(office, "--everything")[0] == 0
    office.settle(2)
    # Nobody was let in or removed, and nobody is said to be in who is not.
    assert canvas.who_is_in("art") == {"kim@example.org", "new@example.org"}
    status = office.status()
    assert (status["changed_in_canvas"], status["questions"]) == (1, 0)
    assert status["seats"] == {"due": 0, "held": 1, "parked": 0, "enrolled": 1, "removed": 0}

    # The office knows from its mails that Lou had withdrawn, and who had registered.
    [lou] = [seat for seat in office.seats() if seat.cause == "changed_in_canvas"]
    assert lou.participant.email == "lou@example.org"
    answers.about_a_hand(office.session, lou, False, office.now, "boss@example.org")
    office.session.commit()
    again = office.register(office.session.scalars(select(Course)).one(), "new")
    office.settle(2)
    assert office.sentence(again) == "You are in the Canvas course."
    assert canvas.who_is_in("art") == {"kim@example.org", "new@example.org"}


def everything(engine) -> dict[str, list[str]]:
    """Each table's columns, and its rows."""
    with engine.connect() as connection:
        found = {}
        for name in inspect(connection).get_table_names():
            result = connection.execute(text(f"SELECT * FROM {name}"))
            found[name] = [*result.keys(), *sorted(map(repr, result.all()))]
        return found


def older(office: Office, revision: str) -> None:
    """The tables as they were at this revision."""
    office.session.remove()
    engine, config = office.app.extensions["sqlalchemy"].engine, migrations()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, revision)
        connection.commit()
    # SQLite's other connections remember the columns.
    engine.dispose()


@pytest.fixture
def host_s_table(office: Office):
    """A table in the same database that is not ours, and refers to none of ours."""
    engine = office.app.extensions["sqlalchemy"].engine
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE host_thing (id INTEGER PRIMARY KEY, said TEXT)"))
        connection.execute(text("INSERT INTO host_thing VALUES (1, 'before')"))
    yield
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS host_thing"))


def upgraded(office: Office) -> str:
    """What `flask ascriptica upgrade` says."""
    return office.app.test_cli_runner().invoke(args=["ascriptica", "upgrade"]).output


@pytest.mark.parametrize("restore", [OURS_ALONE, OTHERS_TOO], ids=["ours alone", "others too"])
def test_a_backup_from_before_an_upgrade_comes_back_whole(office: Office, canvas, backup, host_s_table, restore):
    engine = office.app.extensions["sqlalchemy"].engine
    if engine.dialect.name == "sqlite" and restore == OTHERS_TOO:
        pytest.skip("SQLite comes back in one way only")
    office.register(office.course("ART", "art"))
    office.deliver()
    # Tables that later revisions add refer to those that are there already.
    older(office, "0012")
    come_back, then = backup(restore), everything(engine)
    upgrade_tables(office.app)
    with engine.begin() as connection:
        connection.execute(text("UPDATE host_thing SET said = 'after'"))
    office.register(office.session.scalars(select(Course)).one(), "new")
    office.deliver()

    come_back()
    now = everything(engine)
    if restore == OTHERS_TOO:
        assert now.pop("host_thing")[2:] == ["(1, 'after')"]
        del then["host_thing"]
    assert now == then
    assert upgraded(office) == "The tables are up to date.\n"
    with engine.connect() as connection:
        assert is_up_to_date(connection)
    assert [whom for _, what, whom in logged(office) if what == "registered"] == ["kim@example.org"]
    # Its numbers go on where they were, too.
    office.register(office.session.scalars(select(Course)).one(), "new")
    office.settle(2)
    assert office.status()["seats"]["enrolled"] == 2


def test_a_mixture_of_two_versions_is_named_as_one(office: Office):
    """As an older backup leaves it that was restored over newer tables."""
    engine = office.app.extensions["sqlalchemy"].engine
    older(office, "0041")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE ascriptica_connection ADD COLUMN disconnected_at TIMESTAMP"))
    said = upgraded(office)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE ascriptica_connection DROP COLUMN disconnected_at"))
    upgrade_tables(office.app)
    assert "disconnected_at" in said
    assert "a mixture of two versions" in said
    assert "Back up and restore" in said
    assert "run: flask ascriptica upgrade" not in said
