"""Checking with Canvas what was typed: it is right, it is wrong, or Canvas gives no answer."""

import pytest

from ascriptica_plugin.canvas.shapes import SignIn, TokenEnd
from ascriptica_plugin.sync.checking import Findings, Outcome, check_connection


def checked(canvas, **other) -> Outcome:
    typed = {"url": canvas.api, "token": canvas.token, "root_id": canvas.ids["account.root"]} | other
    return check_connection(**{"allow_private": True} | typed)


def test_a_working_connection_says_whose_token_it_is(canvas):
    outcome = checked(canvas)
    sign_ins = (SignIn(10, "canvas"), SignIn(11, "saml"), SignIn(12, "google"))
    end = TokenEnd(known=True)
    found = Findings("Practice Admin", "Practice University", (), token_end=end, sign_ins=sign_ins)
    assert outcome == Outcome(findings=found)
    assert (outcome.is_wrong, outcome.is_unanswered) == (False, False)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"token": "wrong~token"}, "canvas_token"),
        ({"root_id": 999999}, "canvas_root_id"),
        ({"allow_private": False}, "canvas_url"),
    ],
)
def test_each_mistake_is_reported_at_its_field(canvas, wrong, field):
    outcome = checked(canvas, **wrong)
    assert (outcome.field, outcome.is_wrong, outcome.is_unanswered) == (field, True, False)
    assert outcome.sentence.endswith(".")
    assert outcome.findings is None
    assert (outcome.offer and outcome.offer.id) == (canvas.ids["account.root"] if field == "canvas_root_id" else None)


def test_an_unanswered_check_calls_nothing_that_was_typed_wrong(canvas):
    canvas.options(down=True)
    outcome = checked(canvas, token="wrong~token")
    assert (outcome.is_wrong, outcome.is_unanswered, outcome.findings) == (False, True, None)


# -- what is allowed in one Canvas course ------------------------------------------------------------------------------
