"""A large office for a benchmark, the same in every run, put into the database without anybody acting."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import insert, text

from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.tables.canvas import Connection, load_settings
from ascriptica_plugin.tables.columns import Sealed
from ascriptica_plugin.tables.ledger import CanvasRow, Claim, Match, Seat
from ascriptica_plugin.tables.office import Association, Course, LogEntry, Participant, Registration

COURSES = 500


@dataclass(frozen=True)
class Size:
    """How much there is in the office; so many people are registered for its first course."""

    participants: int
    seats: int
    entries: int
    largest_course: int


LARGE, LARGEST = Size(40_000, 100_000, 300_000, 5000), Size(200_000, 1_000_000, 300_000, 20_000)

FIRST = ("Ada", "Ben", "Cleo", "Eva", "Finn", "Gina", "Hugo", "Ida", "Jan", "Kim", "Lou", "Mia", "Nils", "Olga", "Pia")
LAST = ("Abel", "Berg", "Cruz", "Dorn", "Engel", "Falk", "Gold", "Hahn", "Jung", "Kern", "Lenz", "Moor", "Otto", "Pohl")

WAITING = {
    # cause, its scope (None: the participant), how many, given up
    "permission_missing": ("add_student_to_course", 150, False),
    "course_concluded": ("course", 120, False),
    "course_missing": ("course", 60, False),
    "who_is_it": (None, 80, False),
    "no_account": (None, 90, False),
    "found_there": (None, 40, False),
    "refused": ("", 60, True),
}

NOW = datetime.now(UTC)


def fill(app: Flask, size: Size) -> None:
    """Fill an empty database; rows go in by the thousand. Accounts come last, so an office with one is complete."""
    session = app.extensions["sqlalchemy"].session
    chance = random.Random(1)
    keys = app.extensions["ascriptica"].canvases.keys
    connection = Connection(
        canvas_url="https://canvas.example.org/api/v1",
        canvas_root_id=1,
        account_name="Example University",
        token=Sealed.seal("no token", keys),
        token_owner="Admin",
        token_saved_at=NOW,
    )
    session.add(connection)
    session.flush()
    settings = load_settings(session)
    settings.connection, settings.display_canvas = connection, True
    session.commit()

    def put(model: type, rows: list[dict]) -> None:
        for start in range(0, len(rows), 10_000):
            session.execute(insert(model.__table__), rows[start : start + 10_000])
        session.commit()

    people = [_participant(number, chance) for number in range(1, size.participants + 1)]
    put(Participant, people)
    places = _places(size, chance)
    taken = [0] * (COURSES + 1)
    for course_id, _ in places:
        taken[course_id] += 1
    put(Course, [_course(number, taken[number]) for number in range(1, COURSES + 1)])
    put(Association, [_association(number, connection.id) for number in range(1, COURSES + 1)])
    put(Match, [_match(person, number, connection.id) for number, person in enumerate(people, 1)])
    put(Registration, [
        {"course_id": course_id, "participant_id": participant_id,
         "status": "withdrawn" if number % 10 == 0 else "registered", "registered_at": NOW - timedelta(days=9),
         "withdrawn_at": NOW if number % 10 == 0 else None}
        for number, (course_id, participant_id) in enumerate(places, 1)
    ])  # fmt: skip
    put(Seat, [_seat(number, *place, connection.id) for number, place in enumerate(places, 1)])
    put(CanvasRow, [_row(number, *place, connection.id) for number, place in enumerate(places, 1)])
    put(Claim, [
        {"registration_id": number, "seat_id": number, "made_at": NOW, "ended_at": NOW if number % 10 == 0 else None}
        for number in range(1, size.seats + 1)
    ])  # fmt: skip
    numbers = range(size.entries)
    put(LogEntry, [_entry(size.entries - number, number, places[number % size.seats]) for number in numbers])
    _let_some_wait(session, size, chance)
    session.commit()
    for number in range(1, 4):
        session.add(Account(email=f"person{number}@example.org", name="P", password_hash="none", is_admin=number == 1))
    session.commit()
    _gather_statistics(app)


def _participant(number: int, chance: random.Random) -> dict:
    name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
    email = f"{name.replace(' ', '.').lower()}.{number}@example.org"
    # The first three have signed in, with the accounts that are made below.
    return {
        "key": f"account:{number}" if number < 4 else None,
        "email": email,
        "name": name,
        "sis_user_id": f"S-{number:06}",
    }


def _places(size: Size, chance: random.Random) -> list[tuple[int, int]]:
    """(course, participant) of every registration: one very large course, the others alike."""
    found = {(1, person) for person in range(1, size.largest_course + 1)} | {(course, 2) for course in range(2, 42)}
    while len(found) < size.seats:
        found.add((chance.randint(2, COURSES), chance.randint(1, size.participants)))
    return sorted(found, key=lambda _: chance.random())


def _course(number: int, taken: int) -> dict:
    return {
        "code": f"C-{number:03}",
        "title": f"{LAST[number % len(LAST)]} for beginners, group {number}",
        "description": "What everybody should know about it, with time to try it. " * 4,
        "starts_at": NOW + timedelta(days=number % 90 - 10),
        "ends_at": NOW + timedelta(days=number % 90 + 20),
        "registration_opens_at": None,
        "registration_closes_at": None,
        "capacity": taken + 20 if number % 3 else None,
        "places_taken": taken,
        "on_withdrawal": None,
        "cancelled_at": None,
    }


def _association(number: int, connection_id: int) -> dict:
    return {
        "course_id": number,
        "connection_id": connection_id,
        "canvas_course": str(number + 5000),
        "canvas_section": "",
        "canvas_course_id": number + 5000,
        "canvas_section_id": None,
        "canvas_course_name": f"Course {number} in Canvas",
        "canvas_section_name": "",
        "published": number % 4 != 0,
        "concluded": False,
        "looked_up_at": NOW,
        "look_up_at": None,
        "problem": None,
    }


def _seat(number: int, course_id: int, participant_id: int, connection_id: int) -> dict:
    return {
        "connection_id": connection_id,
        "participant_id": participant_id,
        "canvas_course_id": course_id + 5000,
        "canvas_section_id": 0,
        "version": 1,
        "settled_version": 1,
        "changed_at": NOW,
        "due_at": None,
        "attempts": 0,
        "cause": None,
        "cause_scope": "",
        "cause_detail": None,
        "held": False,
        "parked_at": None,
        "canvas_enrollment_id": number + 100_000,
        "was_in": number % 10 != 0,
        "settled_at": NOW,
    }


def _match(participant: dict, number: int, connection_id: int) -> dict:
    return {
        "connection_id": connection_id,
        "participant_id": number,
        "canvas_user_id": number + 1000,
        "address": f"sis_user_id:{participant['sis_user_id']}",
        "canvas_name": participant["name"],
        "how": "sis",
        "from_sis_user_id": participant["sis_user_id"],
        "from_email": participant["email"],
        "matched_at": NOW,
    }


def _row(number: int, course_id: int, participant_id: int, connection_id: int) -> dict:
    return {
        "connection_id": connection_id,
        "canvas_enrollment_id": number + 100_000,
        "created_at": NOW,
        "canvas_user_id": participant_id + 1000,
        "canvas_course_id": course_id + 5000,
        "canvas_section_id": course_id + 7000,
        "state": "deleted" if number % 10 == 0 else "active",
        "seen_at": NOW,
        "granted": number % 10 != 0,
        "seat_id": number,
    }


def _entry(age: int, number: int, place: tuple[int, int]) -> dict:
    course_id, participant_id = place
    mine = number % 3 == 0
    return {
        "at": NOW - timedelta(seconds=40 * age),
        "who": f"person.{participant_id}@example.org" if mine else "Ascriptica",
        "what": ("registered", "enrolled in Canvas", "waits", "withdrew")[number % 4],
        "participant_id": participant_id,
        "course_id": course_id if mine else None,
        "words": "" if mine else f"Canvas course {course_id + 5000}.",
    }


def hold_many(app: Flask) -> None:
    """One seat in fourteen waits for an administrator, as after the last night of a summer."""
    session = app.extensions["sqlalchemy"].session
    session.execute(text(
        "UPDATE ascriptica_seat SET settled_version = 0, held = true, cause = 'no_account', was_in = false,"
        " cause_scope = CAST(participant_id AS varchar), canvas_enrollment_id = NULL"
        " WHERE id % 14 = 5 AND settled_version = version"
    ))  # fmt: skip
    session.commit()
    _gather_statistics(app)


def _gather_statistics(app: Flask) -> None:
    """Autovacuum does this long before an office is that large; SQLite has nothing like it."""
    engine = app.extensions["sqlalchemy"].engine
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as raw:
            raw.execute(text("VACUUM ANALYZE"))


def _let_some_wait(session, size: Size, chance: random.Random) -> None:
    seats = iter(chance.sample(range(1, size.seats + 1), 1000))
    session.execute(text("UPDATE ascriptica_seat SET settled_version = 0 WHERE id % 1001 = 0"))
    for cause, (scope, many, given_up) in WAITING.items():
        for seat_id in (next(seats) for _ in range(many)):
            seat = session.get(Seat, seat_id)
            seat.settled_version, seat.cause, seat.held = 0, cause, not given_up
            seat.parked_at = NOW if given_up else None
            seat.cause_scope = str(seat.participant_id if scope is None else seat.canvas_course_id % 7 + 5000)
            if scope is not None and scope != "course":
                seat.cause_scope = scope
            seat.cause_detail = "Canvas said: user not authorized to perform that action"
