"""What Canvas says is read as it is, or not at all; whatever it says can be stored and shown."""

from datetime import UTC, datetime

import pytest

from ascriptica_plugin.canvas import reading
from ascriptica_plugin.canvas.errors import CanvasDown

USER = {"id": 7, "name": "Kim Lee", "login_id": "kim", "email": "kim@example.org", "sis_user_id": "K-1"}
ENROLLMENT = {
    "id": "9",
    "user_id": 7,
    "course_id": 3,
    "course_section_id": 4,
    "type": "StudentEnrollment",
    "enrollment_state": "active",
    "created_at": "2027-03-01T10:00:00+01:00",
    "user": USER,
}


def test_an_enrollment_is_read_with_its_time_in_utc_and_an_id_also_as_text():
    found = reading.read_enrollment(ENROLLMENT)
    assert (found.id, found.state) == (9, "active")
    assert found.created_at == datetime(2027, 3, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "lie",
    [
        {"id": None},
        {"id": True},
        {"id": 7.0},
        {"id": "7a"},
        {"id": "٧"},
        {"id": 0},
        {"id": -7},
        {"id": 2**63},
        {"user_id": []},
        {"created_at": None},
        {"created_at": "yesterday"},
        {"created_at": "2027-03-01T10:00:00"},
        {"created_at": 0},
        {"user": "Kim"},
    ],
    ids=str,
)
def test_an_enrollment_with_a_wrong_value_counts_as_no_answer(lie):
    with pytest.raises(CanvasDown):
        reading.read_enrollment(ENROLLMENT | lie)


@pytest.mark.parametrize("row", [[], "Kim", None, 7, {}], ids=str)
def test_a_user_that_is_no_json_object_counts_as_no_answer(row):
    with pytest.raises(CanvasDown):
        reading.read_user(row)


def test_a_hidden_login_is_distinguished_from_a_missing_one():
    seen = reading.read_user(USER | {"login_id": None})
    hidden = reading.read_user({name: value for name, value in USER.items() if name != "login_id"})
    assert seen.login_id is hidden.login_id is None
    assert seen != hidden


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("Kim\r\n\tLee", "Kim Lee"),
        ("Kim\x00Lee", "Kim\N{REPLACEMENT CHARACTER}Lee"),
        ("Kim\u202eLee", "Kim\N{REPLACEMENT CHARACTER}Lee"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
        ("K" * 300, "K" * 255),
    ],
)
def test_an_odd_name_is_read_as_it_can_be_stored(said, stored):
    assert reading.read_user(USER | {"name": said}).name == stored


@pytest.mark.parametrize(("visible", "known"), [("7~abc...", True), ("7~abd...", False), (None, False), ("", False)])
def test_the_end_of_a_token_is_read_only_from_the_token_in_use(visible, known):
    """We ask for it by its first five characters, which may also be another token's id."""
    row = {"visible_token": visible, "expires_at": "2027-03-01T10:00:00+01:00"}
    found = reading.read_token_end(row, "7~abc")
    assert (found.known, found.at) == (known, datetime(2027, 3, 1, 9, tzinfo=UTC) if known else None)
