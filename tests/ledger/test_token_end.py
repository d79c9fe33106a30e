"""How soon the office is warned that the token ends."""

from datetime import timedelta

import pytest

from ascriptica_plugin.ledger import token_end


@pytest.mark.parametrize(
    ("ends_in", "left", "warned"),
    [
        (timedelta(days=90), 90, None),
        (timedelta(days=14, hours=1), 14, None),
        (timedelta(days=13, hours=23), 13, 14),
        (timedelta(days=6, hours=23), 6, 7),
        (timedelta(days=1, hours=23), 1, 2),
        (timedelta(hours=1), 0, 2),
        (timedelta(days=-3), 0, 2),
    ],
)
def test_warnings_begin_fourteen_seven_and_two_days_before(office, ends_in, left, warned):
    connection = office.connect()
    connection.token_expires_at = office.now + ends_in
    assert token_end.days_left(connection, office.now) == left
    assert token_end.warned_of(connection, office.now) == warned


def test_a_token_without_an_end_and_a_developer_key_warn_of_nothing(office):
    connection = office.connect()
    assert token_end.warned_of(connection, office.now) is None
    connection.token_expires_at, connection.key_kind = office.now, "developer_key"
    assert token_end.warned_of(connection, office.now) is None
