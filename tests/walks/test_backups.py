"""Last night's database comes back: `recheck --everything` makes Canvas and us agree, and asks where a person must."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import answers
from ascriptica_plugin.tables.office import Course

from ..backups import back_up
from ..cli.test_rechecking import recheck
from ..office_at_work import Office


@pytest.fixture
def backup(office: Office, tmp_path: Path) -> Callable[[], Callable[[], None]]:
    """Makes a backup as docs/operator.md says, and returns what brings it back."""
    engine = office.app.extensions["sqlalchemy"].engine

    def make() -> Callable[[], None]:
        office.session.commit()
        bring_back = back_up(office.app.config["SQLALCHEMY_DATABASE_URI"], tmp_path / "backup")

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
