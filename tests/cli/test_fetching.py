"""flask ascriptica fetch-results: fetches where no worker does."""

import pytest
from sqlalchemy import select

from ascriptica_plugin.ledger import results_to_fetch
from ascriptica_plugin.tables.office import Registration
from ascriptica_plugin.tables.results import Result

from ..office_at_work import Office


@pytest.fixture
def at_desk(office, canvas) -> Office:
    """Kim is in ART, which wants scores, and in BIO, which wants nothing; both have no modules."""
    for code in ("ART", "BIO"):
        office.register(office.course(code, code.lower()))
    office.deliver()
    results_to_fetch.wishes_of(office.session, 1).score = True
    office.session.commit()
    for _, _, row, _, _ in canvas.rows():
        canvas._order(f"enrollments/{row}", scores={"current": 90.0, "final": 80.0})
    return office


def fetch(office: Office, *more: str) -> tuple[int, list[str]]:
    result = office.app.test_cli_runner().invoke(args=["ascriptica", "fetch-results", *more])
    office.session.expire_all()
    return result.exit_code, result.output.splitlines()


def test_the_command_fetches_what_courses_want_and_prints_a_line_for_each(at_desk):
    assert fetch(at_desk) == (0, ["ART: fetched"])
    assert [its.final_score for its in at_desk.session.scalars(select(Result))] == [80.0]


def test_a_course_without_wishes_is_fetched_if_its_code_is_given(at_desk):
    code, lines = fetch(at_desk, "--course", "bio")
    assert (code, lines) == (0, [f"BIO: {results_to_fetch.in_words('no_modules')}"])
    theirs = select(Result.final_score).join(Registration, Registration.id == Result.registration_id)
    assert at_desk.session.scalars(theirs.where(Registration.course_id == 2)).all() == [80.0]


def test_fetching_from_a_course_that_has_nothing_to_fetch_is_an_error(at_desk):
    assert fetch(at_desk, "--course", "NONE") == (1, ["Error: There is no course NONE with a Canvas course."])
    results_to_fetch.wishes_of(at_desk.session, 1).score = False
    at_desk.session.commit()
    code, [line] = fetch(at_desk)
    assert (code, line.startswith("Error: No course wants results.")) == (1, True)
