"""flask ascriptica recheck: reads where no worker does, else waits for the other worker."""

import threading

import pytest

from ascriptica_plugin.ledger import lease, reads
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.tables.canvas import Connection

from ..office_at_work import Office


@pytest.fixture
def at_desk(office, canvas) -> Office:
    """Kim is in ART and BIO, and a teacher has removed her from ART. BIO is over."""
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    for course in (art, bio):
        office.register(course)
    office.deliver()
    bio.ends_at = office.now
    office.session.commit()
    row = next(row for _, course, row, _, _ in canvas.rows() if course == "art")
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row}", task="delete")
    canvas.calls()
    return office


def recheck(office: Office, *more: str) -> tuple[int, list[str]]:
    result = office.app.test_cli_runner().invoke(args=["ascriptica", "recheck", *more])
    office.session.expire_all()
    return result.exit_code, result.output.splitlines()


def a_read(canvas, course: str) -> str:
    return f"GET /courses/{canvas.ids[f'course.{course}']}/enrollments"


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ((), ["art"]),
        (("--course", "art"), ["art"]),
        (("--course", "BIO"), ["bio"]),
        (("--everything",), ["art", "bio"]),
    ],
)
def test_the_command_reads_without_a_worker_and_prints_a_line_for_each_course(at_desk, canvas, arguments, read):
    code, lines = recheck(at_desk, *arguments)
    assert (code, lines) == (0, [f"Canvas course {canvas.ids[f'course.{c}']} ({c.upper()}): read" for c in read])
    # Several are read at once.
    assert sorted(canvas.calls()) == sorted(a_read(canvas, course) for course in read)
    assert at_desk.status()["changed_in_canvas"] == ("art" in read)


def test_the_command_asks_a_running_worker_for_the_reads_and_waits(at_desk, canvas):
    session, now = at_desk.session, clock.utc_now()
    connection = session.query(Connection).one()
    number, course_id = connection.id, canvas.ids["course.art"]
    assert lease.take_lease(session, number, now)
    session.commit()
    asked = threading.Event()

    def other_worker() -> None:
        with at_desk.app.app_context():
            own = at_desk.app.extensions["sqlalchemy"].session
            while not asked.is_set():
                if reads.to_read(own, number, clock.utc_now(), 1) == [course_id]:
                    asked.set()
                    reads.done(own, number, course_id, clock.utc_now(), clock.utc_now())
                own.commit()
            own.remove()

    thread = threading.Thread(target=other_worker)
    thread.start()
    try:
        assert recheck(at_desk, "--course", "ART") == (0, [f"Canvas course {course_id} (ART): read"])
    finally:
        asked.set()
        thread.join()
    assert canvas.calls() == []


def test_the_command_stops_waiting_for_a_worker_after_a_while(at_desk, canvas, monkeypatch):
    monkeypatch.setattr(pauses, "RECHECK_SECONDS", 0.1)
    assert lease.take_lease(at_desk.session, 1, clock.utc_now())
    at_desk.session.commit()
    code, lines = recheck(at_desk)
    assert (code, lines[0]) == (1, f"Canvas course {canvas.ids['course.art']} (ART): not read yet")
    assert lines[1] == "Error: Not everything was read in time. The worker continues."


def test_a_canvas_course_that_is_gone_is_reported(at_desk, canvas):
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}", event="delete")
    code, [line] = recheck(at_desk)
    assert code == 0
    assert line.startswith(f"Canvas course {canvas.ids['course.art']} (ART): ")
    assert not line.endswith("read")


def test_the_command_ends_with_the_reason_while_canvas_is_away(at_desk, canvas):
    canvas.options(down=True)
    code, lines = recheck(at_desk)
    assert (code, lines) == (1, ["Error: Canvas is not answering. What is left is read as soon as that is over."])
    canvas.options(down=False)
    assert recheck(at_desk)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--course", "NOPE"), 1, "Error: There is no course NOPE."),
        (("--course", "MUD"), 1, "Error: MUD has no Canvas course to read."),
        (("--course", "ART", "--everything"), 2, "Error: Choose one of --course and --everything."),
    ],
)
def test_a_course_that_can_t_be_read_is_reported(at_desk, arguments, code, sentence):
    at_desk.course("MUD")
    ended, lines = recheck(at_desk, *arguments)
    assert (ended, lines[-1]) == (code, sentence)


def test_the_command_reads_nothing_where_canvas_is_not_connected(here):
    assert recheck(here) == (1, ["Error: Canvas is switched off, or not connected yet."])
