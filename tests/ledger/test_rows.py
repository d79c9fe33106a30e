"""A row as it will be stored, after what Canvas shows and what is known of it."""

from datetime import UTC, datetime, timedelta

from ascriptica_plugin.canvas.shapes import Enrollment, User
from ascriptica_plugin.ledger.rows import Known, ShownRow, as_known

NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
WAS = Known(9, NOW - timedelta(days=1), 7, 3, 4, "active", NOW - timedelta(hours=1), True, True, 5)


def shown(state: str = "active", born: timedelta = timedelta(days=-1), **about) -> ShownRow:
    kim = User(7, "Kim", "kim", None, None, True)
    row = Enrollment(
        id=9,
        user_id=7,
        course_id=3,
        section_id=4,
        type="StudentEnrollment",
        state=state,
        created_at=NOW + born,
        user=kim,
    )
    return ShownRow(row, **about)


def test_our_knowledge_of_a_row_is_kept_when_it_is_seen_again():
    assert as_known(shown(), WAS, NOW) == WAS._replace(seen_at=NOW)


def test_a_row_that_has_ended_is_neither_granted_nor_kept():
    ended = as_known(shown("deleted"), WAS, NOW)
    assert (ended.granted, ended.kept, ended.seat_id) == (False, False, 5)
    again = as_known(shown(), ended, NOW)
    assert (again.granted, again.kept) == (False, False), "a hand put it back"
    assert as_known(shown(granted=True), ended, NOW).granted


def test_a_known_id_with_another_creation_time_is_a_new_row_of_a_restored_canvas():
    other = as_known(shown(born=timedelta(hours=-2)), WAS, NOW)
    assert (other.granted, other.kept, other.seat_id) == (False, False, None)


def test_a_row_stored_without_a_creation_time_is_taken_for_the_same_one():
    assert as_known(shown(), WAS._replace(created_at=None), NOW).granted


def test_a_row_that_was_never_seen_belongs_to_the_seat_that_asked_for_it():
    assert as_known(shown(granted=True, seat_id=6), None, NOW)[7:] == (True, False, 6)
