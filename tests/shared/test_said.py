"""What went wrong is stored as a code with its parameters, and said in a sentence."""

import json
from string import Formatter

import pytest
from sqlalchemy import text

from ascriptica_plugin.shared.said import SENTENCES, Said, change_of


@pytest.mark.parametrize("code", SENTENCES)
def test_a_stored_sentence_reads_the_same_again(code):
    names = {name for _, name, _, _ in Formatter().parse(SENTENCES[code]) if name}
    said = Said(code, **{name: f'<{name} {{x}} "é">' for name in names})
    again = Said.from_json(said.to_json())
    assert (again, again.code, again.about) == (said, code, said.about)
    assert all(f"<{name} {{x}} " in said for name in names)


def test_a_sentence_within_another_keeps_its_code():
    said = Said("no_service", answer=Said("http_error", status=404))
    assert Said.from_json(said.to_json()).about["answer"].code == "http_error"
    assert "error 404" in said


def test_a_list_of_sentences_keeps_their_codes():
    said = Said("changes", changes=[change_of("name", "Kim", "Kim Lee"), change_of("sis_user_id", None, "S-1")])
    assert said == "name: Kim → Kim Lee; SIS ID: none → S-1"
    again = Said.from_json(said.to_json())
    assert (again, [one.code for one in again.about["changes"]]) == (said, ["changed", "given"])


@pytest.mark.parametrize("stored", ["Canvas said: no", "503", '{"x": 1}', '{"code": "of a later release"}', "[]"])
def test_a_sentence_stored_by_an_older_release_keeps_its_words(stored):
    assert Said.from_json(stored) == stored


def stored(office, column: str, table: str) -> dict:
    office.session.commit()
    return json.loads(
        office.session.scalar(text(f"SELECT {column} FROM ascriptica_{table} WHERE {column} IS NOT NULL"))
    )


def test_canvas_s_answer_about_somebody_is_stored_in_its_own_words(office, canvas):
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    office.register(office.course("ART", "art"))
    office.deliver()
    found = stored(office, "cause_detail", "seat")
    assert found.pop("code") == "canvas_said"
    assert set(found) == {"words"}
    [seat] = office.seats()
    assert seat.cause_detail == f"Canvas said: {found['words']}"


def test_why_a_course_could_not_be_read_is_stored_as_a_code(office, canvas):
    office.course("ART", "art")
    canvas.faults({"match": "GET /courses/*", "times": None, "fault": "status", "status": 503})
    office.recheck("art")
    office.deliver()
    assert stored(office, "problem", "course_read") == {"code": "http_error", "status": 503}
