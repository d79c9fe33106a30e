"""The verdict: whether Canvas has exactly those whom the office's registrations say. Looks into no ledger."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from ascriptica_plugin.tables.canvas import Match, Seat
from ascriptica_plugin.tables.office import Association, Course, Participant, Registration
from ascriptica_plugin.tables.requests import Request

from .stage import IN, Key, Stage


@dataclass
class Verdict:
    """What is wrong, each in a sentence, and what a hand in Canvas changed last, which stays."""

    wrong: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    people_in_canvas: int = 0

    def __str__(self) -> str:
        lines = [f"{self.people_in_canvas} enrollments in Canvas, {len(self.wrong)} wrong."]
        lines += [f"WRONG    {line}" for line in self.wrong]
        lines += [f"by hand  {line}" for line in self.by_hand]
        return "\n".join(lines)


def judge(stage: Stage) -> Verdict:
    verdict, world = Verdict(), stage.world()
    wanted, changed = _wanted(stage)
    there = _there(stage, world)
    verdict.people_in_canvas = len(there)
    # As text, for a course that is not looked up yet has no number.
    for key in sorted(wanted ^ there.keys(), key=str):
        email, course_id, section_id = key
        words = f"{email} is {'not ' if key in wanted else ''}in Canvas course {course_id}, section {section_id}"
        at, inside = stage.hands.did.get(key, (None, None))
        if there.get(key) in stage.hands.made:
            verdict.by_hand.append(f"{words}, as before us.")
        elif at is not None and inside == (key in there) and not any(moment > at for moment in changed(key)):
            verdict.by_hand.append(f"{words}, by hand at {at:%H:%M:%S}.")
        else:
            verdict.wrong.append(f"{words}; a hand: {at and f'{at:%H:%M:%S}'} {inside}. {_ledger_says(stage, email)}")
    states = {row["id"]: row["state"] for row in world["enrollments"]}
    for number in stage.hands.untouchable:
        if states[number] not in IN:
            verdict.wrong.append(f"Enrollment {number}, which we did not grant, is {states[number]}.")
    for name, count in Counter(user["name"] for user in world["users"]).items():
        if count > 1:
            verdict.wrong.append(f"{count} Canvas users are named {name}.")
    _judge_office(stage, verdict)
    odd = {
        status: n
        for status, n in stage.answers.items()
        if status and status not in (302, 303, 409, 422) and status < 500
    }
    verdict.wrong += [f"{n} answers were {status}." for status, n in odd.items()]
    return verdict


def _ledger_says(stage: Stage, email: str) -> str:
    """What stands in the ledger about somebody for whom something is wrong; it decides nothing."""
    session = stage.session
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
    session.rollback()
    return "; ".join([*seats, *matches, *requests])


def _wanted(stage: Stage):
    """Who should be where, and a function that tells when the office last changed something about that."""
    session = stage.session
    session.rollback()
    places = {
        row.course_id: (row.canvas_course_id, row.canvas_section_id or 0)
        for row in session.execute(
            select(Association.course_id, Association.canvas_course_id, Association.canvas_section_id)
        )
    }
    codes = dict(session.execute(select(Course.id, Course.code)).all())
    wanted: set[Key] = set()
    times: dict[Key, list[datetime]] = {}
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
        canvas_course_id, section_id = places.get(course_id, (None, 0))
        if status == "registered":
            wanted.add((email, canvas_course_id, section_id))
        moments = [registered_at, withdrawn_at, stage.moved_at.get(codes[course_id])]
        times.setdefault((email, canvas_course_id, section_id), []).extend(moment for moment in moments if moment)
    session.rollback()
    return wanted, lambda key: times.get(key, [])


def _there(stage: Stage, world: dict) -> dict[Key, int]:
    """The people of the office who are in the living courses, and each one's enrollment."""
    gone = {stage.ids[f"course.{name}"] for name in stage.deleted_courses}
    return {
        key: row["id"]
        for row in world["enrollments"]
        if row["type"] == "StudentEnrollment" and row["state"] in IN and row["course_id"] not in gone
        if (key := stage.key(world, row)) is not None
    }


def _judge_office(stage: Stage, verdict: Verdict) -> None:
    """Nothing that a page confirmed is lost, and nobody has a place twice."""
    session = stage.session
    live = session.execute(
        select(Participant.email, Course.code, func.count())
        .select_from(Registration)
        .join(Participant)
        .join(Course)
        .where(Registration.status == "registered")
        .group_by(Participant.email, Course.code)
    ).all()
    counts = {(email, code): count for email, code, count in live}
    verdict.wrong += [f"{email} is registered {n} times for {code}." for (email, code), n in counts.items() if n > 1]
    for person in [*stage.people, *stage.chosen]:
        for code, told in person.told.items():
            if told is not None and code not in person.unsure and told != ((person.email, code) in counts):
                verdict.wrong.append(f"{person.email} was told {'' if told else 'not '}to be registered for {code}.")
    taken = dict(session.execute(select(Course.code, Course.places_taken)).all())
    for code, count in taken.items():
        registered = sum(1 for email, of in counts if of == code)
        if registered != count:
            verdict.wrong.append(f"{code} counts {count} places taken, and {registered} are registered.")
    session.rollback()
