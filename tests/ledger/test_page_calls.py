"""The two places from which pages call Canvas."""

from datetime import timedelta

from ascriptica_plugin.ledger import page_calls
from ascriptica_plugin.shared import pauses

from ..office_at_work import connection_of


def test_two_pages_call_and_a_third_waits_until_one_gives_its_place_back(office):
    session, number, now = office.session, connection_of(office).id, office.now
    first, second = (page_calls.take(session, number, now) for _ in range(2))
    assert None not in {first, second}
    assert page_calls.take(session, number, now) is None
    page_calls.give_back(session, number, first)
    third = page_calls.take(session, number, now)
    assert third not in {None, first, second}
    page_calls.give_back(session, number, first)
    assert page_calls.take(session, number, now) is None, "a place is given back by its holder only"
    session.rollback()


def test_a_dead_page_s_place_is_free_after_a_while_even_if_the_clock_stepped_back(office):
    session, number, now = office.session, connection_of(office).id, office.now
    for _ in page_calls.PLACES:
        page_calls.take(session, number, now)
    assert page_calls.take(session, number, now + pauses.PAGE_CALL) is not None
    assert page_calls.take(session, number, now - 2 * pauses.PAGE_CALL - timedelta(seconds=1)) is not None
    session.rollback()
