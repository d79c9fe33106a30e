"""The practice Canvas meets every case drawn from Canvas's own specs and source."""

import pytest

from ..practice_canvas import Practice
from .cases import CASES, FIRST, SECOND, Run


@pytest.mark.parametrize("case_id", CASES)
def test_canvas_s_recorded_case_is_answered_alike(practice: Practice, case_id: str) -> None:
    Run(CASES[case_id], practice.url, practice.token, practice.session).play()


def test_all_recorded_cases_are_played_but_those_of_what_we_never_ask_canvas() -> None:
    recorded = FIRST["cases"] + SECOND["cases"]
    assert {case["group"] for case in recorded if case["id"] not in CASES} == {"bulk", "reports"}
    assert len({case["id"] for case in recorded}) == len(recorded)
