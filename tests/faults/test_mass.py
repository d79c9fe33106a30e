"""Worker processes that are killed at any point of an import: it is never sent twice, and nobody is lost."""

import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from ascriptica_plugin.tables.ledger import CanvasRow

from ..masses import PEOPLE, POST_ONE, emails, everybody, posted
from ..processes import Process, environment, until

SPEED = 40
POINTS = ["before_an_import_was_sent", "after_canvas_took_an_import", "while_it_runs", "before_it_is_settled"]


@pytest.fixture
def workers(database_url, tmp_path) -> Iterator[Callable[[str], Process]]:
    """Starts workers that die at a point or live on, and ends all of them."""
    begun: list[Process] = []

    def begin(point: str = "goes_on") -> Process:
        command = [sys.executable, "-m", "tests.faults.mass_child", str(tmp_path / "clock"), str(SPEED), point]
        settings = environment(database_url) | {"ASCRIPTICA_MASS_SEATS": "5"}
        log = tmp_path / f"worker-{len(begun)}.log"
        begun.append(Process(command, log, **settings))
        begun[-1].start()
        return begun[-1]

    yield begin
    for process in begun:
        process.end(signal.SIGKILL)


@pytest.mark.parametrize("point", POINTS)
def test_an_import_that_was_cut_off_is_continued(school, canvas, workers, point):
    canvas.options(import_seconds=2)
    course = school.course("ART", "art")
    everybody(school, course)
    killed = workers(point)
    until(lambda: not killed.runs())
    assert killed.child.returncode == -signal.SIGKILL
    workers()
    until(lambda: school.status()["seats"]["enrolled"] == len(PEOPLE))
    calls = canvas.calls()
    sent = 0 if point == "before_an_import_was_sent" else 1
    assert (posted(calls, "/sis_imports"), posted(calls, POST_ONE)) == (sent, 0 if sent else len(PEOPLE))
    assert canvas.who_is_in("art") == emails()
    assert len(canvas.rows()) == len(PEOPLE)
    assert [row.granted for row in school.session.query(CanvasRow)] == [True] * len(PEOPLE)
    school.session.commit()
    # The people whom the import let in are ours to end.
    school.withdraw(course, "m3", sis_user_id="M3")
    until(lambda: canvas.who_is_in("art") == emails() - {"m3@example.org"})


def test_a_withdrawal_while_no_worker_lives_is_carried_out_after_the_import(school, canvas, workers):
    canvas.options(import_seconds=2)
    course = school.course("ART", "art")
    everybody(school, course)
    killed = workers("while_it_runs")
    until(lambda: not killed.runs())
    school.withdraw(course, "m3", sis_user_id="M3")
    until(lambda: canvas.who_is_in("art") == emails())
    workers()
    until(lambda: canvas.who_is_in("art") == emails() - {"m3@example.org"})
    until(lambda: school.status()["seats"] == {"due": 0, "held": 0, "parked": 0, "enrolled": 11, "removed": 1})
    assert posted(canvas.calls(), "/sis_imports") == 1
