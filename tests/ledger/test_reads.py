"""Which Canvas courses are read next, and what a read answers."""

from datetime import timedelta
from itertools import pairwise

import pytest

from ascriptica_plugin.ledger import reads
from ascriptica_plugin.shared import pauses

from ..office_at_work import connection_of

NEVER, LONG_AGO, LATELY = 11, 12, 13
"""Canvas courses by when they were read."""


@pytest.fixture
def number(office) -> int:
    return connection_of(office).id


def read(office, number: int, course: int, ago: timedelta) -> None:
    reads.owe(office.session, number, course, office.now - ago)
    reads.done(office.session, number, course, office.now - ago, office.now)


def test_courses_never_read_come_first_and_then_those_owed_longest(office, number):
    read(office, number, LATELY, timedelta(minutes=1))
    read(office, number, LONG_AGO, timedelta(days=9))
    assert reads.to_read(office.session, number, office.now, 9) == [], "no course of ours is there"
    for course, minutes in ((LATELY, 2), (LONG_AGO, 1), (NEVER, 0)):
        reads.owe(office.session, number, course, office.now - timedelta(minutes=minutes))
    assert reads.to_read(office.session, number, office.now, 9) == [NEVER, LATELY, LONG_AGO]
    assert reads.to_read(office.session, number, office.now, 1) == [NEVER]


def test_a_read_answers_only_for_what_was_owed_when_it_began(office, number):
    began = office.now
    reads.owe(office.session, number, NEVER, began - timedelta(seconds=1))
    reads.done(office.session, number, NEVER, began, began + timedelta(seconds=3))
    assert reads.owed(office.session, number, NEVER) is None
    later = began + timedelta(seconds=1)
    reads.owe(office.session, number, NEVER, later)
    reads.done(office.session, number, NEVER, began, began + timedelta(seconds=3))
    assert reads.owed(office.session, number, NEVER) == later
    # The process that asked has a clock that is ahead: it is what the read began with.
    reads.done(office.session, number, NEVER, began, began + timedelta(seconds=3), owed_at=later)
    assert reads.owed(office.session, number, NEVER) is None


def test_a_course_whose_read_failed_is_not_fresh_and_is_tried_again_later(office, number):
    reads.owe(office.session, number, NEVER, office.now)
    reads.tried(office.session, number, NEVER, office.now, "Canvas did not answer in time.")
    assert reads.to_read(office.session, number, office.now, 9) == []
    assert not reads.is_fresh(office.session, number, NEVER, office.now - timedelta(hours=1))
    assert reads.to_read(office.session, number, office.now + pauses.LOOK_UP_AGAIN, 9) == [NEVER]
    reads.done(office.session, number, NEVER, office.now, office.now)
    assert reads.is_fresh(office.session, number, NEVER, office.now - timedelta(hours=1))


@pytest.mark.parametrize("hours_ago", [0, 1, 23])
def test_a_course_in_use_is_read_once_a_day_and_once_more_two_days_before_it_starts(office, number, hours_ago):
    """This holds whenever it was read last. A read that Canvas fails at does not count, and is tried again."""
    starts, seen = office.now + timedelta(hours=49), office.now - timedelta(hours=hours_ago)
    course, there = office.course("ART", "art", starts_at=starts), office.canvas.ids["course.art"]
    reads.done(office.session, number, there, seen, seen)
    ahead, failed = [], 0
    while office.now <= course.starts_at:
        for owed in reads.to_read(office.session, number, office.now, 9):
            assert owed == there
            if course.starts_at - office.now == timedelta(hours=48) and not failed:
                reads.tried(office.session, number, there, office.now, "Canvas did not answer in time.")
                failed += 1
                continue
            reads.done(office.session, number, there, office.now, office.now)
            ahead.append(course.starts_at - office.now)
        office.later(hours=1)
    assert failed == 1
    assert timedelta(hours=47) in ahead, "read at the first chance after 48 hours before the start"
    once_a_day = [before - after for before, after in pairwise(ahead) if after != timedelta(hours=47)]
    assert all(pause == pauses.READ_FRESH for pause in once_a_day)
    assert len(ahead) <= 5


def test_a_course_whose_start_moves_near_is_read_once_and_at_once(office, number):
    there = office.canvas.ids["course.art"]
    course = office.course("ART", "art", starts_at=office.now + timedelta(days=9))
    assert reads.to_read(office.session, number, office.now, 9) == []
    office.later(hours=10)
    course.starts_at = office.now + timedelta(hours=40)
    assert reads.to_read(office.session, number, office.now, 9) == [there]
    reads.done(office.session, number, there, office.now, office.now)
    assert reads.to_read(office.session, number, office.now + timedelta(hours=23), 9) == []
    office.session.rollback()
