"""The verdict: whether Canvas has exactly those whom the office's registrations say. Looks into no ledger."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ascriptica_plugin.tables.ledger import Match, Seat
from ascriptica_plugin.tables.office import Association, Course, Participant, Registration
from ascriptica_plugin.tables.requests import Request

from .hands import IN, Key
from .stage import Stage

Pairs = frozenset[tuple[str, int]]
"""People and Canvas courses."""


@dataclass
class Verdict:
    """What is wrong, each in a sentence; what a hand in Canvas changed last, which stays; who is asked about."""

    wrong: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    people_in_canvas: int = 0

    def __str__(self) -> str:
        lines = [f"{self.people_in_canvas} enrollments in Canvas, {len(self.wrong)} wrong."]
        lines += [f"WRONG    {line}" for line in self.wrong]
        lines += [f"by hand  {line}" for line in self.by_hand]
        return "\n".join(lines)


@dataclass
class Compared:
    """Who should be where, with the times at which the office changed that, and who is there, with the enrollments.

    A person has one name here, also where several participants are one Canvas user.
    """

    wanted: dict[Key, list[datetime]]
    touched: dict[Key, list[datetime]]
    there: dict[Key, list[int]]
    name_of: dict[str, str]

    @property
    def lost(self) -> set[Key]:
        """In the default section means anywhere in the Canvas course."""
        somewhere = {(who, course_id, 0) for who, course_id, _ in self.there}
        return self.wanted.keys() - self.there.keys() - somewhere

    @property
    def left(self) -> dict[Key, list[int]]:
        serving = set(self.wanted)
        for who, course_id, section in self.wanted:
            if section == 0 and (who, course_id, 0) not in self.there:
                others = [key for key in self.there if key[:2] == (who, course_id) and key not in self.wanted]
                serving |= set(others[:1])
        return {key: rows for key, rows in self.there.items() if key not in serving}

    def now(self, key: Key) -> Key:
        return (self.name_of.get(key[0], key[0]), *key[1:])


def compare(stage: Stage, world: dict) -> Compared:
    of_users = [stage.office.emails_of(user) for user in world["users"]]
    name_of = {email: emails[0] for emails in of_users for email in emails}
    there: dict[Key, list[int]] = {}
    gone = {stage.ids[f"course.{name}"] for name in stage.hands.memory.deleted_courses}
    for row in world["enrollments"]:
        is_in = row["type"] == "StudentEnrollment" and row["state"] in IN and row["course_id"] not in gone
        if is_in and (key := stage.hands.key(world, row)) is not None:
            there.setdefault(key, []).append(row["id"])
    found = Compared({}, {}, there, name_of)
    with Session(stage.engine) as session:
        _add_wishes(stage, session, found)
    return found


def _add_wishes(stage: Stage, session: Session, found: Compared) -> None:
    of_association = (Association.course_id, Association.canvas_course_id, Association.canvas_section_id)
    places = {
        row.course_id: (row.canvas_course_id, row.canvas_section_id or 0)
        for row in session.execute(select(*of_association))
    }
    codes = dict(session.execute(select(Course.id, Course.code)).all())
    rows = session.execute(
        select(
            Participant.email,
            Registration.course_id,
            Registration.status,
            Registration.registered_at,
            Registration.withdrawn_at,
        ).join(Participant, Participant.id == Registration.participant_id)
    )
    for email, course_id, status, registered_at, withdrawn_at in rows:
        key = found.now((email, *places.get(course_id, (None, 0))))
        moments = [registered_at, withdrawn_at, stage.office.moved_at.get(codes[course_id])]
        found.touched.setdefault(key, []).extend(moment for moment in moments if moment)
        if status == "registered":
            found.wanted[key] = found.touched[key]


def differences(stage: Stage) -> tuple[set[Key], dict[Key, list[int]]]:
    """Who should be in Canvas and is not, and who is and should not be, with their enrollments."""
    found = compare(stage, stage.world())
    return found.lost, found.left


def judge(stage: Stage, asked: Pairs, unseen: Pairs = frozenset()) -> Verdict:
    """`asked`: the people and Canvas courses about which a page asks the office. `unseen`: those of whom a page says
    that they were in when Canvas was last asked; what a hand did since is found when the course is read again."""
    verdict, world = Verdict(), stage.world()
    found = compare(stage, world)
    verdict.people_in_canvas = len(found.there)
    memory = stage.hands.memory
    did: dict[Key, tuple[datetime, bool]] = {}
    for key, (at, inside) in memory.did.items():
        did[found.now(key)] = max(did.get(found.now(key), (at, inside)), (at, inside))
    left, waiting = found.left, {who for who, _ in asked}
    # As text, for a course that is not looked up yet has no number.
    for key in sorted([*found.lost, *left], key=str):
        email, course_id, section_id = key
        words = f"{email} is {'' if key in left else 'not '}in Canvas course {course_id}, section {section_id}"
        at, inside = did.get(key, (None, None))
        if set(left.get(key, ())) & memory.made:
            verdict.by_hand.append(f"{words}, as before us.")
        elif (email, course_id) in asked or (key in left and email in waiting):
            # Nobody leaves an old place before what is asked about the new one is answered.
            verdict.by_hand.append(f"{words}, and the office is asked.")
        elif at is not None and not inside and key in found.lost and (email, course_id) in unseen:
            verdict.by_hand.append(f"{words}, by hand at {at:%H:%M:%S}, and we have not looked since.")
        elif at is not None and inside == (key in left) and not any(one > at for one in found.touched.get(key, [])):
            verdict.by_hand.append(f"{words}, by hand at {at:%H:%M:%S}.")
        else:
            verdict.wrong.append(f"{words}; a hand: {at and f'{at:%H:%M:%S}'} {inside}. {_ledger_says(stage, email)}")
    _judge_strangers(stage, world, verdict)
    doubled = [key for key, rows in found.there.items() if _is_doubled(world, rows)]
    verdict.wrong += [f"{key} is enrolled more than once." for key in doubled]
    _judge_office(stage, verdict)
    return verdict


def _is_doubled(world: dict, rows: list[int]) -> bool:
    users = [row["user_id"] for row in world["enrollments"] if row["id"] in rows]
    return len(users) > len(set(users))


def _judge_strangers(stage: Stage, world: dict, verdict: Verdict) -> None:
    """Nobody whom the office has nothing to do with is removed, enrolled or made twice."""
    states = {row["id"]: row["state"] for row in world["enrollments"]}
    for number in stage.hands.memory.untouchable:
        if states.get(number) not in IN:
            verdict.wrong.append(f"Enrollment {number}, which we did not grant, is {states.get(number)}.")
    strangers = {number for name, number in stage.ids.items() if name.startswith("user.s")}
    for row in world["enrollments"]:
        if row["user_id"] in strangers and row["state"] in IN and row["id"] not in stage.hands.memory.untouchable:
            verdict.wrong.append(f"Canvas user {row['user_id']}, a stranger, is in Canvas course {row['course_id']}.")
    for name, count in Counter(user["name"] for user in world["users"]).items():
        if count > 1:
            verdict.wrong.append(f"{count} Canvas users are named {name}.")


def _ledger_says(stage: Stage, email: str) -> str:
    """What stands in the ledger about somebody for whom something is wrong; it decides nothing."""
    with Session(stage.engine) as session:
        theirs = select(Seat).join(Seat.participant).where(Participant.email == email)
        seats = [
            f"seat {seat.canvas_course_id}/{seat.canvas_section_id}: version {seat.settled_version}/{seat.version}, "
            f"{seat.cause} {seat.cause_scope} {seat.cause_detail or ''}, due {seat.due_at}, held {seat.held}"
            for seat in session.scalars(theirs)
        ]
        matches = [
            f"match: user {match.canvas_user_id}, {match.how}, {match.question}, doubted {match.doubted}"
            for match in session.scalars(select(Match).join(Match.participant).where(Participant.email == email))
        ]
        about = select(Request).join(Participant, Participant.id == Request.participant_id)
        requests = [
            f"request: {out.kind} {out.address} until {out.until_at}, tries {out.tries}"
            for out in session.scalars(about.where(Participant.email == email))
        ]
    return "; ".join([*seats, *matches, *requests])


def _judge_office(stage: Stage, verdict: Verdict) -> None:
    """Nothing that a page confirmed is lost, and nobody has a place twice."""
    with Session(stage.engine) as session:
        live = session.execute(
            select(Participant.email, Course.code, func.count())
            .select_from(Registration)
            .join(Participant)
            .join(Course)
            .where(Registration.status == "registered")
            .group_by(Participant.email, Course.code)
        ).all()
        taken = dict(session.execute(select(Course.code, Course.places_taken)).all())
    counts = {(email, code): count for email, code, count in live}
    verdict.wrong += [f"{email} is registered {n} times for {code}." for (email, code), n in counts.items() if n > 1]
    for person in stage.office.everybody():
        for code, confirmed in person.confirmed.items():
            if confirmed is not None and code not in person.unsure and confirmed != ((person.email, code) in counts):
                verdict.wrong.append(
                    f"{person.email} was shown {'' if confirmed else 'not '}to be registered for {code}."
                )
    for code, count in taken.items():
        registered = sum(1 for email, of in counts if of == code)
        if registered != count:
            verdict.wrong.append(f"{code} counts {count} places taken, and {registered} are registered.")
    verdict.wrong += [
        f"{n} answers were {status}."
        for status, n in stage.office.answers.items()
        if status and status not in (302, 303, 409, 422) and status < 500
    ]
