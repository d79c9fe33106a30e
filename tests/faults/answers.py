"""The office answers whatever it is asked about people, on the list of Canvas access."""

import random
import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from ascriptica_plugin.tables.ledger import CanvasRow, Match, Seat

from .hands import Key
from .stage import Stage

FORM = re.compile(r'action="/tools/canvas/(\d+)/(hand|decide|choose)"')


def answer_everything(stage: Stage, rng: random.Random) -> int:
    """Answer what the first page of the list asks. Returns how many answers were given."""
    office = stage.office
    page = office.look(office.desk, office.itself, "/tools/canvas?standing=held")
    given = 0
    for number, kind in dict.fromkeys(FORM.findall(page)):
        with Session(stage.engine) as session:
            seat = session.get_one(Seat, int(number))
            form = FORMS[kind](stage, session, seat, rng)
            key = (seat.participant.email, seat.canvas_course_id, stage.hands.section(seat.canvas_section_id))
        if form.get("answer") in ("leave", "keep"):
            _leave(stage, key)
        office.post(office.desk, office.itself, f"/tools/canvas/{number}/{kind}", **form)
        given += 1
    return given


def _leave(stage: Stage, key: Key) -> None:
    """It stays as a hand made it."""
    world = stage.world()
    theirs = [stage.hands.key(world, row) for row in stage.hands.ours(world)]
    there = {one for one in theirs if one and one[1] == key[1] and one[0] == _name(stage, world, key[0])}
    stage.hands.note([key], key in there)
    stage.hands.note(there, True)


def _name(stage: Stage, world: dict, email: str) -> str:
    found = [stage.office.emails_of(user) for user in world["users"]]
    return next((emails[0] for emails in found if email in emails), email)


def _about_a_hand(stage: Stage, session: Session, seat: Seat, rng: random.Random) -> dict[str, str]:
    return {"answer": rng.choice(["put_back", "put_back", "leave"])}


def _about_what_was_there(stage: Stage, session: Session, seat: Seat, rng: random.Random) -> dict[str, str]:
    left = select(CanvasRow.canvas_enrollment_id).where(CanvasRow.seat_id == seat.id)
    is_untouchable = set(session.scalars(left)) & stage.hands.memory.untouchable
    return {"answer": "keep" if is_untouchable else rng.choice(["keep", "remove"])}


def _about_who_it_is(stage: Stage, session: Session, seat: Seat, rng: random.Random) -> dict[str, str]:
    match = session.get_one(Match, (seat.connection_id, seat.participant_id))
    if match.question == "same_user" and match.candidates:
        return {"canvas_user_id": str(match.candidates[0]["id"]), "same_person": "1"}
    return {"other": str(stage.hands.user_of(seat.participant.email)["id"])}


FORMS = {"hand": _about_a_hand, "decide": _about_what_was_there, "choose": _about_who_it_is}
