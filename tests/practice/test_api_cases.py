"""The practice Canvas meets every case drawn from Canvas's own specs and source."""

import pytest

from ..practice_canvas import Practice
from .cases import CASES, Run


@pytest.mark.parametrize("case_id", CASES)
def test_canvas_s_recorded_case_is_answered_alike(practice: Practice, case_id: str) -> None:
    Run(CASES[case_id], practice.url, practice.token, practice.session).play()


def test_all_recorded_cases_are_played() -> None:
    assert len(CASES) == 121
