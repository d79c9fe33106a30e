"""Teachers and administrators change rosters in Canvas."""

import random
import time

from ..stage import Stage
from .kind import Kinds, NotShown

HANDS = Kinds()
COURSES = ("alone", "shared", "north")


@HANDS
def roster_added_to_by_hand(stage: Stage, rng: random.Random, seconds: float) -> None:
    """A teacher adds a stranger, and one of our people, who may have registered or may do so later."""
    stranger = stage.hands.enroll(stage.ids[f"user.s{rng.randrange(20)}"], rng.choice(COURSES))
    stage.hands.memory.untouchable.add(stranger["id"])
    stage.hands.add(rng.choice(_users_of_ours(stage)), rng.choice(COURSES))
    time.sleep(seconds / 2)


@HANDS
def roster_emptied_by_hand(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Three people are taken out, concluded or deactivated."""
    world = stage.world()
    ours = stage.hands.ours(world)
    for row in rng.sample(ours, min(3, len(ours))):
        stage.hands.end(world, row, rng.choice(["delete", "conclude", "deactivate"]))
    time.sleep(seconds / 2)


@HANDS
def moved_to_another_section_by_hand(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Canvas has no move: a teacher adds the person to the other section and takes them out of the first."""
    world = stage.world()
    names = {stage.ids[f"course.{name}"]: name for name in COURSES}
    rows = [row for row in stage.hands.ours(world) if row["course_id"] in names]
    if not rows:
        raise NotShown
    row = rng.choice(rows)
    name = names[row["course_id"]]
    other = rng.choice([stage.ids[f"section.{name}.{section}"] for section in ("one", "two")])
    if other != row["section_id"]:
        stage.hands.add(row["user_id"], name, other)
        stage.hands.end(world, row)
    time.sleep(seconds / 2)


@HANDS
def other_role_by_hand(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Somebody of ours becomes a teacher as well."""
    # A person who is deleted or merged would lose it by that hand.
    special = {one.email for some in stage.office.chosen.values() for one in some}
    users = [user for user in stage.world()["users"] if user["id"] in _users_of_ours(stage)]
    user_id = rng.choice([user["id"] for user in users if not special & set(stage.office.emails_of(user))])
    stage.hands.memory.untouchable.add(stage.hands.enroll(user_id, "shared", kind="TeacherEnrollment")["id"])
    time.sleep(seconds / 2)


def _users_of_ours(stage: Stage) -> list[int]:
    living = [user for user in stage.world()["users"] if user["state"] != "deleted"]
    return [user["id"] for user in living if stage.office.emails_of(user)]
