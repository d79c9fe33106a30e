"""The office's rules, also when many people act at the same moment."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from ascriptica_plugin.office import courses, registrations, waitlist
from ascriptica_plugin.office.courses import associate
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.office.registrations import Entry
from ascriptica_plugin.tables import locks
from ascriptica_plugin.tables.canvas import Claim, Seat
from ascriptica_plugin.tables.office import Association, Course, Participant, Registration

from ..conftest import Office, someone


@pytest.fixture
def here(app) -> Office:
    """An office without Canvas."""
    return Office(app, None)


def at_once(office: Office, actions) -> list[str]:
    """Run each action(session) in a thread of its own, all at the same moment; "done" or the refusal for each."""
    gate, results = threading.Barrier(len(actions)), []

    def run(action):
        with office.app.app_context():
            session = office.app.extensions["sqlalchemy"].session
            gate.wait()
            try:
                action(session)
                session.commit()
                results.append("done")
            except NotPossible as reason:
                session.rollback()
                results.append(str(reason))
            finally:
                session.remove()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def registering(course_id: int, who: str, now):
    return lambda session: registrations.register(session, session.get(Course, course_id), someone(who), now)


def withdrawing(course_id: int, who: str, now):
    return lambda session: registrations.withdraw(session, session.get(Course, course_id), someone(who), now)


def test_who_finds_the_course_full_waits_for_nobody(here):
    course = here.course(capacity=1)
    here.register(course, "ann")
    code = course.id
    # Somebody is in the middle of a change of the course.
    locks.lock_course(here.session, course)
    told: list[str] = []
    refused = threading.Thread(target=lambda: told.extend(at_once(here, [registering(code, "bob", here.now)])))
    refused.start()
    refused.join(20)
    assert told == ["ART here is full."]
    here.session.rollback()


def live(session, course: Course) -> int:
    return session.scalar(
        select(func.count())
        .select_from(Registration)
        .where(Registration.course_id == course.id, Registration.status == "registered")
    )


def test_registering_takes_a_place_and_withdrawing_gives_it_back(here):
    course = here.course(capacity=1)
    here.register(course)
    assert course.places_taken == 1
    here.withdraw(course)
    assert course.places_taken == 0
    here.register(course)
    assert [row.status for row in here.session.scalars(select(Registration).order_by(Registration.id))] == [
        "withdrawn",
        "registered",
    ]


def test_twice_is_once(here):
    course = here.course()
    here.register(course)
    with pytest.raises(NotPossible, match="already registered"):
        here.register(course)
    here.session.rollback()
    assert course.places_taken == 1


def test_a_full_course_takes_nobody(here):
    course = here.course(capacity=1)
    here.register(course, "kim")
    with pytest.raises(NotPossible, match="is full"):
        here.register(course, "lou")
    here.session.rollback()
    assert live(here.session, course) == 1


def test_only_who_is_registered_can_withdraw(here):
    course = here.course()
    here.register(course, "kim")
    with pytest.raises(NotPossible, match="not registered"):
        here.withdraw(course, "lou")
    here.session.rollback()
    assert course.places_taken == 1


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({"registration_opens_at": 1}, "not opened yet"),
        ({"registration_closes_at": -1}, "has closed"),
        ({"ends_at": -1}, "has ended"),
    ],
)
def test_outside_its_window_a_course_takes_nobody(here, window, words):
    course = here.course(**{name: here.now + timedelta(hours=hours) for name, hours in window.items()})
    with pytest.raises(NotPossible, match=words):
        here.register(course)
    here.session.rollback()
    assert live(here.session, course) == 0


def test_an_equal_email_never_takes_over_a_participant(here):
    course = here.course()
    here.register(course, "kim", key="one")
    here.register(course, "kim", key="two")
    assert len(set(here.session.scalars(select(Participant.id)))) == 2


def test_a_changed_name_is_brought_up_to_date(here):
    course = here.course()
    here.register(course, "kim")
    here.withdraw(course, "kim", name="Kim Lee-Berg")
    assert here.session.scalars(select(Participant.name)).all() == ["Kim Lee-Berg"]


# -- the waitlist -----------------------------------------------------------------------------------------------------


def joining(course_id: int, who: str, now):
    return lambda session: registrations.register(session, session.get(Course, course_id), someone(who), now, wait=True)


def standings(session, course: Course) -> dict[str, str]:
    """key → status of everybody who is not withdrawn, in the order in which they came."""
    session.expire_all()
    rows = session.execute(
        select(Participant.key, Registration.status)
        .join(Registration, Registration.participant_id == Participant.id)
        .where(Registration.course_id == course.id, Registration.status != "withdrawn")
        .order_by(Registration.id)
    )
    return {row.key: row.status for row in rows}


def join(office: Office, course: Course, *who: str) -> None:
    for one in who:
        joining(course.id, one, office.now)(office.session)
        office.session.commit()


def test_a_withdrawal_moves_up_whoever_waits_longest(here):
    course = here.course(capacity=1)
    join(here, course, "a", "b", "c")
    assert standings(here.session, course) == {"a": "registered", "b": "waitlisted", "c": "waitlisted"}
    joined_at = here.session.scalars(select(Registration.registered_at).order_by(Registration.id)).all()[1]
    here.later(hours=1)
    here.withdraw(course, "a")
    assert standings(here.session, course) == {"b": "registered", "c": "waitlisted"}
    assert course.places_taken == 1
    assert here.session.get(Registration, 2).registered_at == joined_at


def test_whoever_waits_has_no_seat_until_moving_up(office):
    course = office.course("ART", "art", capacity=1)
    join(office, course, "a", "b")
    assert [seat.participant.key for seat in office.seats()] == ["a"]
    office.withdraw(course, "a")
    assert [seat.participant.key for seat in office.seats()] == ["a", "b"]


def test_nobody_is_passed_over_even_where_a_place_seems_free(here):
    course = here.course(capacity=1)
    join(here, course, "a", "b")
    course.capacity = 3  # by somebody who moved nobody up
    here.session.commit()
    with pytest.raises(NotPossible, match="is full"):
        here.register(course, "c")
    here.session.rollback()
    join(here, course, "c")
    assert set(standings(here.session, course).values()) == {"registered"}
    assert course.places_taken == 3


def test_whoever_moved_up_since_the_page_was_read_gives_a_place_back(here):
    course = here.course(capacity=1)
    course_id = course.id
    join(here, course, "a", "b")
    read = list(here.session.scalars(select(Registration).order_by(Registration.id)))
    assert read[1].status == "waitlisted"
    assert at_once(here, [withdrawing(course_id, "a", here.now)]) == ["done"]
    here.withdraw(course, "b")
    assert (standings(here.session, course), course.places_taken) == ({}, 0)


def test_without_wait_a_full_course_still_refuses(here):
    course = here.course(capacity=1)
    join(here, course, "a")
    with pytest.raises(NotPossible, match="is full"):
        here.register(course, "b")
    here.session.rollback()
    assert standings(here.session, course) == {"a": "registered"}


def test_positions_count_each_course_by_itself(here):
    for code in ("ART", "BIO"):
        course = here.course(code, capacity=1)
        join(here, course, "a", "b", "c")
    everybody = list(here.session.scalars(select(Registration).order_by(Registration.id)))
    assert waitlist.positions(here.session, everybody) == {2: 1, 3: 2, 5: 1, 6: 2}


def test_nobody_moves_up_into_a_course_that_has_ended(here):
    course = here.course(capacity=1)
    join(here, course, "a", "b")
    course.ends_at = here.now - timedelta(hours=1)
    here.session.commit()
    here.withdraw(course, "a")
    assert standings(here.session, course) == {"b": "waitlisted"}


# -- many at the same moment ------------------------------------------------------------------------------------------


def test_thirty_people_and_ten_places_make_ten_registrations(here):
    course = here.course(capacity=10)
    course_id = course.id
    here.session.commit()
    results = Counter(at_once(here, [registering(course_id, f"p{n}", here.now) for n in range(30)]))
    assert results == {"done": 10, "ART here is full.": 20}
    here.session.expire_all()
    assert live(here.session, course) == course.places_taken == 10


def test_one_person_pressing_five_times_registers_once(here):
    course = here.course()
    course_id = course.id
    here.session.commit()
    results = Counter(at_once(here, [registering(course_id, "kim", here.now)] * 5))
    assert results["done"] == 1
    here.session.expire_all()
    assert live(here.session, course) == course.places_taken == 1
    assert here.session.scalar(select(func.count()).select_from(Participant)) == 1


def test_two_clerks_who_enter_the_same_people_in_two_courses_enter_each_once(here):
    courses = [here.course("ART").id, here.course("BIO").id]
    here.session.commit()
    entries = [Entry(f"p{n}@example.org", f"P{n}") for n in range(20)]

    def entering(course_id: int):
        def act(session):
            course = session.get(Course, course_id)
            registrations.register_many(session, course, entries, here.now, "boss@example.org")

        return act

    assert at_once(here, [entering(course_id) for course_id in courses]) == ["done"] * 2
    here.session.expire_all()
    assert here.session.scalar(select(func.count()).select_from(Participant)) == 20
    assert here.session.scalar(select(func.count()).select_from(Registration)) == 40


def test_places_stay_true_while_people_come_and_go(here):
    course = here.course(capacity=5)
    course_id = course.id
    here.session.commit()
    for _ in range(3):
        at_once(here, [act(course_id, f"p{n}", here.now) for n in range(6) for act in (registering, withdrawing)])
    here.session.expire_all()
    assert live(here.session, course) == course.places_taken <= 5


def test_places_and_waitlist_stay_true_while_people_come_and_go(here):
    course = here.course(capacity=4)
    course_id = course.id
    join(here, course, *(f"p{n}" for n in range(8)))
    for turn in range(4):
        leaving = [withdrawing(course_id, f"p{n}", here.now) for n in range(turn, 12, 2)]
        coming = [joining(course_id, f"p{n}", here.now) for n in range(12)]
        at_once(here, leaving + coming)
        now = list(standings(here.session, course).values())
        assert now.count("registered") == course.places_taken <= 4
        assert course.places_taken == 4 or "waitlisted" not in now
        # Nobody was passed over: whoever waits came after everybody who is in.
        assert now == sorted(now)
        here.session.commit()


def test_of_everybody_who_waits_the_first_ones_get_the_places(here):
    course = here.course(capacity=5)
    course_id = course.id
    join(here, course, *(f"in{n}" for n in range(5)), *(f"w{n}" for n in range(7)))
    here.session.commit()
    actions = [withdrawing(course_id, f"in{n}", here.now) for n in range(5)]
    actions += [withdrawing(course_id, "w1", here.now), *(joining(course_id, f"n{n}", here.now) for n in range(6))]
    assert set(at_once(here, actions)) == {"done"}
    now = standings(here.session, course)
    assert [now.get(f"w{n}") for n in (0, 2, 3, 4)] == ["registered"] * 4
    assert Counter(now.values()) == {"registered": 5, "waitlisted": 7}
    assert list(now.values()) == sorted(now.values())
    assert course.places_taken == 5


def test_a_raised_capacity_beside_withdrawals_fills_every_place(here):
    course = here.course(capacity=2)
    course_id = course.id
    join(here, course, *(f"p{n}" for n in range(12)))
    here.session.commit()

    def raise_capacity(session):
        found = session.get(Course, course_id)
        locks.lock_course(session, found)
        found.capacity = 6
        waitlist.move_up(session, found, here.now)

    assert set(at_once(here, [raise_capacity, *(withdrawing(course_id, f"p{n}", here.now) for n in range(4))])) == {
        "done"
    }
    assert standings(here.session, course) == {f"p{n}": "registered" if n < 10 else "waitlisted" for n in range(4, 12)}


def test_cancelling_beside_registering_leaves_nobody_in(here):
    course = here.course(capacity=3)
    course_id = course.id
    join(here, course, *(f"p{n}" for n in range(5)))
    here.session.commit()

    def cancel(session):
        courses.cancel(session, session.get(Course, course_id), here.now, "boss@example.org")

    actions = [joining(course_id, f"n{n}", here.now) for n in range(4)]
    actions += [withdrawing(course_id, f"p{n}", here.now) for n in range(2)]
    assert "done" in at_once(here, [cancel, *actions])
    assert standings(here.session, course) == {}
    assert (course.places_taken, course.cancelled_at is not None) == (0, True)


def test_whoever_registers_while_the_association_moves_has_exactly_the_new_seat(office, canvas):
    course = office.course("ART", "art")
    course_id = course.id
    bio = canvas.ids["course.bio"]
    for who in ("a", "b", "c"):
        office.register(course, who)

    def move(session):
        made = Association(connection_id=1, canvas_course=str(bio), canvas_course_id=bio, canvas_course_name="Biology")
        associate(session, session.get(Course, course_id), made, office.now)

    assert set(at_once(office, [move, *(registering(course_id, f"p{n}", office.now) for n in range(8))])) == {"done"}
    newest = select(func.max(Claim.id)).where(Claim.ended_at.is_(None)).group_by(Claim.registration_id)
    places = office.session.scalars(
        select(Seat.canvas_course_id).join(Claim, Claim.seat_id == Seat.id).where(Claim.id.in_(newest))
    )
    assert Counter(places) == {bio: 11}
    office.deliver()
    assert Counter(canvas.roster("bio").values()) == {"active": 11}
    assert "active" not in canvas.roster("art").values()
