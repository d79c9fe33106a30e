"""The brake: when the number has to be typed."""

import pytest

from ascriptica_plugin.office.brake import Brake


@pytest.mark.parametrize(
    ("removed", "of", "stops"),
    [
        (0, 0, False),
        (0, 40, False),
        (8, 40, False),
        (9, 40, True),
        (25, 200, False),
        (26, 200, True),
        (1, 1, False),
        (2, 3, True),
    ],
)
def test_more_than_a_fifth_or_more_than_25_people_are_not_removed_unasked(removed, of, stops):
    assert Brake(25, 20).stops(removed, of) is stops


def test_the_office_may_change_the_brake_s_limits():
    assert not Brake(1000, 100).stops(1000, 1000)
    assert Brake(0, 0).stops(2, 1000)
