"""A cancelled course is reopened, and everybody is back where they were."""

import pytest

from ascriptica_plugin.office import cancelling, erasing
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.tables.office import Course

from ..office_at_work import logged, statuses, wait_for

BOSS = "boss@example.org"


def cancel(office, course) -> None:
    cancelling.cancel(office.session, course, office.now, BOSS)
    office.session.commit()
    office.later(hours=1)


def reopen(office, course) -> int:
    found = cancelling.reopen(office.session, course, office.now, BOSS)
    office.session.commit()
    return found


def test_reopening_a_cancelled_course_puts_everybody_back_also_in_canvas(office, canvas):
    course = office.course("ART", "art", capacity=2)
    for who in ("kim", "lou"):
        office.register(course, who)
    wait_for(office, course, "ann", "bea")
    office.withdraw(course, "kim")
    office.deliver()
    before = statuses(office)
    assert before == {
        "kim@example.org": "withdrawn",
        "lou@example.org": "registered",
        "ann@example.org": "registered",
        "bea@example.org": "waitlisted",
    }
    cancel(office, course)
    office.deliver()
    assert set(canvas.roster("art").values()) == {"deleted"}
    assert reopen(office, course) == 2
    assert statuses(office) == before
    assert (course.cancelled_at, course.places_taken) == (None, 2)
    office.deliver()
    assert canvas.who_is_in("art") == {"lou@example.org", "ann@example.org"}
    assert (BOSS, "reopened", None) in logged(office)
    assert (BOSS, "registered", "lou@example.org") in logged(office)
    # Cancelled and reopened once more, it is the same again; who withdrew before stays withdrawn.
    cancel(office, course)
    reopen(office, course)
    assert statuses(office) == before


def test_reopening_a_cancelled_course_leaves_people_who_are_being_erased_out(here):
    course = here.course("ART")
    for who in ("kim", "lou"):
        here.register(course, who)
    cancel(here, course)
    erasing.ask_to_erase(here.session, here.participant("kim@example.org"), here.now, BOSS, end_access=True)
    here.session.commit()
    assert reopen(here, course) == 1
    assert statuses(here) == {"kim@example.org": "withdrawn", "lou@example.org": "registered"}


def test_a_cancelled_course_with_too_few_places_is_not_reopened(here):
    course = here.course("ART", capacity=2)
    for who in ("kim", "lou"):
        here.register(course, who)
    cancel(here, course)
    course.capacity = 1
    here.session.commit()
    with pytest.raises(NotPossible, match="enter at least 2 places first"):
        reopen(here, course)
    here.session.rollback()
    assert here.session.get(Course, course.id).cancelled_at is not None
    with pytest.raises(NotPossible, match="is not cancelled"):
        reopen(here, here.course("BIO"))
