"""The practice Canvas meets every case drawn from Canvas's own specs and source."""

import pytest

from ..practice_canvas import Practice
from .cases import CASES, Run


@pytest.mark.parametrize("case_id", CASES)
def test_case(practice: Practice, case_id: str) -> None:
    Run(CASES[case_id], practice.url, practice.token, practice.session).play()


def test_all_cases_are_here() -> None:
    assert len(CASES) == 121
