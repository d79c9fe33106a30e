"""Pauses grow from the first to the longest and never beyond, however many tries there were."""

from datetime import timedelta

import pytest

from ascriptica_plugin.shared import pauses

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    monkeypatch.setattr(pauses, "stretch", lambda least, most: 1)


def test_a_failed_attempt_is_followed_by_ever_longer_pauses_up_to_a_quarter_of_an_hour():
    assert [pauses.back_off(attempts) / SECOND for attempts in range(9)] == [5, 10, 20, 40, 80, 160, 320, 640, 900]
    assert pauses.back_off(10**9) == pauses.LONGEST_BACK_OFF


@pytest.mark.parametrize(
    ("cause", "longest"), [("canvas_down", 60), ("takes_no_changes", 60), ("address_refused", 60), ("token_dead", 900)]
)
def test_a_canvas_that_is_away_is_asked_every_minute_and_a_refused_token_seldom(cause, longest):
    assert pauses.hold_pause(cause, 0) == 5 * SECOND
    assert pauses.hold_pause(cause, 10**9) == longest * SECOND


@pytest.mark.parametrize(("age", "seconds"), [(0, 1), (4, 1), (40, 10), (3600, 30)])
def test_an_import_is_asked_about_often_at_first_and_twice_a_minute_later(age, seconds):
    assert pauses.mass_poll(age * SECOND) == seconds * SECOND


def test_no_two_seats_that_wait_for_the_same_are_tried_at_the_same_moment(monkeypatch):
    monkeypatch.undo()
    assert len({pauses.back_off(3) for _ in range(20)}) > 1
