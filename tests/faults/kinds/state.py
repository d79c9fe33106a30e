"""Canvas is away, refuses our token, or has other courses and users than before."""

import random
import time

from ..hands import IN
from ..office import PLACES, new_browser
from ..stage import Stage
from .kind import Kinds, NotShown, frozen, killed

STATE = Kinds()


@STATE
def token_revoked_and_restored(stage: Stage, rng: random.Random, seconds: float) -> None:
    if stage.by_developer_key:
        stage.faults({"match": "* *", "fault": "revoked", "times": None})
    else:
        stage.handle("options", token="revoked")
    time.sleep(seconds)
    stage.good_weather()


@STATE
def permission_taken_and_given(stage: Stage, rng: random.Random, seconds: float) -> None:
    names = ["add_student_to_course", "remove_student_from_course", "manage_user_logins", "read_roster"]
    stage.handle("options", permissions={"without": [rng.choice(names), "manage_students"]})
    time.sleep(seconds)
    stage.good_weather()


@STATE
def canvas_killed(stage: Stage, rng: random.Random, seconds: float) -> None:
    killed(stage.canvas, seconds)


@STATE
def canvas_frozen(stage: Stage, rng: random.Random, seconds: float) -> None:
    frozen(stage.canvas, seconds)


@STATE
def canvas_restored(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Canvas comes back from a backup: whatever was done there meanwhile is gone, and ids are given out again."""
    stage.handle("snapshot")
    then = stage.hands.remember()
    stage.office.register_newcomer()
    for row in rng.sample(ours := stage.hands.ours(world := stage.world()), min(2, len(ours))):
        stage.hands.end(world, row)
    time.sleep(2 * seconds)
    # Canvas's times have whole seconds, and a real backup is older.
    time.sleep(1.1)
    stage.handle("restore")
    stage.hands.memory = then
    time.sleep(seconds)


def _event(stage: Stage, name: str, event: str) -> None:
    stage.hands.call("PUT", f"courses/{stage.ids[f'course.{name}']}", **{"course[event]": event})


@STATE
def course_concluded(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Concluding ends everybody's enrollment; opening the course again brings nobody back."""
    _event(stage, "closes", "conclude")
    world, course_id = stage.world(), stage.ids["course.closes"]
    keys = [stage.hands.key(world, row) for row in world["enrollments"] if row["course_id"] == course_id]
    there = {stage.hands.key(world, row) for row in world["enrollments"] if row["state"] in IN}
    stage.hands.note([key for key in keys if key not in there], False)
    time.sleep(seconds)
    _event(stage, "closes", "offer")


@STATE
def course_unpublished(stage: Stage, rng: random.Random, seconds: float) -> None:
    _event(stage, "closes", "claim")
    time.sleep(seconds)
    _event(stage, "closes", "offer")


@STATE
def course_deleted(stage: Stage, rng: random.Random, seconds: float) -> None:
    """The office then gives our course another place."""
    name = stage.office.spares.pop()
    _settle_there(stage, name, None, seconds)
    stage.hands.memory.deleted_courses.append(name)
    _event(stage, name, "delete")
    time.sleep(seconds)
    stage.office.move_for_sure("DOOMED", *PLACES["DOOMED"][0])


@STATE
def section_deleted(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Canvas wants it empty, so a hand takes everybody out first."""
    name = stage.office.spares.pop()
    section_id = stage.ids[f"section.{name}.one"]
    _settle_there(stage, name, "one", seconds)
    while True:
        rows = [row for row in stage.world()["enrollments"] if row["section_id"] == section_id and row["state"] in IN]
        for row in rows:
            stage.hands.call("DELETE", f"courses/{row['course_id']}/enrollments/{row['id']}", task="delete")
        if stage.hands.try_to("DELETE", f"sections/{section_id}").ok:
            break
    time.sleep(seconds)
    stage.office.move_for_sure("DOOMED", *PLACES["DOOMED"][0])


def _settle_there(stage: Stage, name: str, section: str | None, seconds: float) -> None:
    stage.office.move_for_sure("DOOMED", name, section)
    course_id, end = stage.ids[f"course.{name}"], time.monotonic() + seconds
    while not any(row["course_id"] == course_id for row in stage.world()["enrollments"]) and time.monotonic() < end:
        time.sleep(0.1)


@STATE
def user_deleted(stage: Stage, rng: random.Random, seconds: float) -> None:
    """A user is deleted with the enrollments; later on somebody makes the person a new user by hand."""
    office, person = stage.office, rng.choice(stage.office.chosen["deleted"])
    user = stage.hands.user_of(person.email)
    world = stage.world()
    mine = [row for row in world["enrollments"] if row["user_id"] == user["id"] and row["type"] == "StudentEnrollment"]
    if not mine:
        # Nobody of ours has met this user yet, so the next person with that login is somebody new.
        with new_browser() as browser:
            office.change(browser, rng, [person])
        raise NotShown
    keys = [stage.hands.key(world, row) for row in mine]
    stage.hands.call("DELETE", f"accounts/self/users/{user['id']}")
    stage.hands.note(keys, False)
    with new_browser() as browser:
        for _ in range(2):
            office.change(browser, rng, [person])
            time.sleep(seconds / 2)
    if not any(person.email in user["logins"] for user in stage.world()["users"]):
        stage.hands.make_user(f"{person.name} anew {user['id']}", person.email)
