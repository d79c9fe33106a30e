"""The kinds of fault. Each breaks something, lasts so many seconds, and leaves everything as it found it.

Those of Canvas take turns, and those of ours do; one of each kind may happen at once. A kind that could not be shown,
such as a worker that found nothing to die at, raises `NotShown`.
"""

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ..processes import until
from .child import POINTS
from .sick import SICK
from .stage import IN, PLACES, Stage, new_browser

Kind = Callable[[Stage, random.Random, float], None]


class NotShown(Exception):
    pass


CANVAS: dict[str, Kind] = {**SICK}
OURS: dict[str, Kind] = {}


def _kind(lane: dict[str, Kind], name: str | None = None) -> Callable[[Kind], Kind]:
    def keep(made: Kind) -> Kind:
        lane[name or made.__name__.replace("_", " ")] = made
        return made

    return keep


# -- Canvas: its answers ----------------------------------------------------------------------------------------------

EVERY_CALL, EVERY_CHANGE = "* *", "POST /courses/"
ANSWERS: dict[str, dict[str, object]] = {
    "500": {"match": EVERY_CALL, "fault": "status", "status": 500},
    "502 with HTML": {"match": EVERY_CALL, "fault": "html", "status": 502},
    "503 with HTML": {"match": EVERY_CHANGE, "fault": "html", "status": 503},
    "504 with HTML, done all the same": {"match": EVERY_CALL, "fault": "html", "status": 504, "when": "after"},
    "reset before it took effect": {"match": EVERY_CALL, "fault": "reset"},
    "reset after it took effect": {"match": EVERY_CHANGE, "fault": "reset", "when": "after"},
    "reset after a removal": {"match": "DELETE /courses/", "fault": "reset", "when": "after"},
    "enrolled long after a reset": {"match": EVERY_CHANGE, "fault": "reset", "when": "late"},
    "ended long after a reset": {"match": "DELETE /courses/", "fault": "reset", "when": "late"},
    "reset after a user was created": {"match": "POST /accounts/", "fault": "reset", "when": "after"},
    "answer trickles": {"match": EVERY_CHANGE, "fault": "trickle", "when": "after", "times": 3},
    "headers trickle": {"match": EVERY_CHANGE, "fault": "trickle_headers", "times": 3},
    "answer never ends": {"match": EVERY_CALL, "fault": "hang", "when": "after", "times": 6},
    "broken JSON": {"match": EVERY_CALL, "fault": "broken_json", "when": "after"},
    "HTML 200": {"match": EVERY_CHANGE, "fault": "html", "status": 200},
    "throttled as 403": {"match": EVERY_CALL, "fault": "throttle", "status": 403, "times": 20},
    "throttled as 429": {"match": EVERY_CHANGE, "fault": "throttle", "status": 429, "times": 20},
}


def _answer(order: dict[str, object]) -> Kind:
    def answered(stage: Stage, rng: random.Random, seconds: float) -> None:
        stage.faults({"times": None, **order})
        if order["match"] == "POST /accounts/":
            stage.register_newcomer()
        time.sleep(seconds)
        stage.good_weather()

    return answered


CANVAS |= {name: _answer(order) for name, order in ANSWERS.items()}


@_kind(CANVAS)
def one_user_always_500(stage: Stage, rng: random.Random, seconds: float) -> None:
    person = rng.choice(stage.chosen[:2])
    with new_browser() as browser:
        stage.change(browser, rng, [person])
        user = _user_of(stage, person.email)
        stage.faults(
            *({"match": f"{verb} *", "fault": "status", "times": None, "of": of} for verb, of in _all_of(user))
        )
        for _ in range(3):
            stage.change(browser, rng, [person])
            time.sleep(seconds / 3)
    stage.good_weather()


def _all_of(user: dict) -> list[tuple[str, str]]:
    login = user["login"].replace("@", "%40")
    return [("GET", login), ("POST", login), ("POST", f"user_id%5D={user['id']}&")]


def _user_of(stage: Stage, email: str) -> dict:
    """The Canvas user with that login; made by hand where there is none yet."""
    for user in stage.world()["users"]:
        if email in user["logins"]:
            return user
    stage.hands.call("POST", "accounts/self/users", **_new_user(f"{email} by hand", email))
    return _user_of(stage, email)


def _new_user(name: str, login: str) -> dict[str, str]:
    return {"user[name]": name, "pseudonym[unique_id]": login, "user[skip_registration]": "true"}


# -- Canvas: its state ------------------------------------------------------------------------------------------------


@_kind(CANVAS)
def token_revoked_and_restored(stage: Stage, rng: random.Random, seconds: float) -> None:
    stage.handle("options", token="revoked")
    time.sleep(seconds)
    stage.good_weather()


@_kind(CANVAS)
def permission_taken_and_given(stage: Stage, rng: random.Random, seconds: float) -> None:
    names = ["add_student_to_course", "remove_student_from_course", "manage_user_logins", "read_roster"]
    stage.handle("options", permissions={"without": [rng.choice(names), "manage_students"]})
    time.sleep(seconds)
    stage.good_weather()


@_kind(CANVAS)
def canvas_killed(stage: Stage, rng: random.Random, seconds: float) -> None:
    stage.canvas.end(signal.SIGKILL)
    time.sleep(seconds)
    stage.canvas.start()


@_kind(CANVAS)
def canvas_frozen(stage: Stage, rng: random.Random, seconds: float) -> None:
    stage.canvas.send(signal.SIGSTOP)
    time.sleep(seconds)
    stage.canvas.send(signal.SIGCONT)


def _event(stage: Stage, name: str, event: str) -> None:
    stage.hands.call("PUT", f"courses/{stage.ids[f'course.{name}']}", **{"course[event]": event})


@_kind(CANVAS)
def course_concluded(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Concluding ends everybody's enrollment; opening the course again brings nobody back."""
    _event(stage, "closes", "conclude")
    world, course_id = stage.world(), stage.ids["course.closes"]
    keys = [stage.key(world, row) for row in world["enrollments"] if row["course_id"] == course_id]
    there = {stage.key(world, row) for row in world["enrollments"] if row["state"] in IN}
    stage.hands.note([key for key in keys if key and key not in there], False)
    time.sleep(seconds)
    _event(stage, "closes", "offer")


@_kind(CANVAS)
def course_unpublished(stage: Stage, rng: random.Random, seconds: float) -> None:
    _event(stage, "closes", "claim")
    time.sleep(seconds)
    _event(stage, "closes", "offer")


@_kind(CANVAS)
def course_deleted(stage: Stage, rng: random.Random, seconds: float) -> None:
    """The office then gives our course another place."""
    name = stage.spares.pop()
    _settle_there(stage, name, None, seconds)
    stage.deleted_courses.append(name)
    _event(stage, name, "delete")
    time.sleep(seconds)
    _move_for_sure(stage, "DOOMED", *PLACES["DOOMED"][0])


@_kind(CANVAS)
def section_deleted(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Canvas wants it empty, so a hand takes everybody out first."""
    name = stage.spares.pop()
    section_id = stage.ids[f"section.{name}.one"]
    _settle_there(stage, name, "one", seconds)
    while True:
        rows = [row for row in stage.world()["enrollments"] if row["section_id"] == section_id and row["state"] in IN]
        for row in rows:
            stage.hands.call("DELETE", f"courses/{row['course_id']}/enrollments/{row['id']}", task="delete")
        answer = stage.admin.delete(f"{stage.canvas.url}/api/v1/sections/{section_id}", timeout=10)
        if answer.ok:
            break
    time.sleep(seconds)
    _move_for_sure(stage, "DOOMED", *PLACES["DOOMED"][0])


def _settle_there(stage: Stage, name: str, section: str | None, seconds: float) -> None:
    _move_for_sure(stage, "DOOMED", name, section)
    course_id, end = stage.ids[f"course.{name}"], time.monotonic() + seconds
    while not any(row["course_id"] == course_id for row in stage.world()["enrollments"]) and time.monotonic() < end:
        time.sleep(0.1)


def _move_for_sure(stage: Stage, code: str, name: str, section: str | None) -> None:
    until(lambda: stage.move(code, name, section), 30)


@_kind(CANVAS)
def user_deleted(stage: Stage, rng: random.Random, seconds: float) -> None:
    """With the enrollments; later on a hand makes the person a new user."""
    person = rng.choice(stage.chosen[2:4])
    user = _user_of(stage, person.email)
    world = stage.world()
    mine = [row for row in world["enrollments"] if row["user_id"] == user["id"] and row["type"] == "StudentEnrollment"]
    if not mine:
        # Nobody of ours has met this user yet, so whoever comes next with that login is somebody new.
        with new_browser() as browser:
            stage.change(browser, rng, [person])
        raise NotShown
    keys = [stage.key(world, row) for row in mine]
    stage.hands.call("DELETE", f"accounts/self/users/{user['id']}")
    stage.hands.note(keys, False)
    with new_browser() as browser:
        for _ in range(2):
            stage.change(browser, rng, [person])
            time.sleep(seconds / 2)
    if not any(person.email in user["logins"] for user in stage.world()["users"]):
        stage.hands.call("POST", "accounts/self/users", **_new_user(f"{person.name} anew {user['id']}", person.email))


@_kind(CANVAS)
def user_merged(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Into another one, who has the person's logins and enrollments from then on."""
    person = rng.choice(stage.chosen[4:])
    with new_browser() as browser:
        stage.change(browser, rng, [person])
        user = _user_of(stage, person.email)
        login = f"{user['id']}@elsewhere.org"
        other = stage.hands.call("POST", "accounts/self/users", **_new_user(f"Other {user['id']}", login))
        stage.hands.call("PUT", f"users/{user['id']}/merge_into/{other['id']}")
        for _ in range(2):
            stage.change(browser, rng, [person])
            time.sleep(seconds / 2)


# -- Canvas: hands ----------------------------------------------------------------------------------------------------


@_kind(CANVAS)
def roster_added_to_by_hand(stage: Stage, rng: random.Random, seconds: float) -> None:
    """A stranger, and somebody of ours who may have registered, or may yet."""
    world = stage.world()
    before = {row["id"] for row in world["enrollments"]}
    stranger = stage.ids[f"user.s{rng.randrange(20)}"]
    user = rng.choice([user["id"] for user in world["users"] if (user["login"] or "").endswith("@example.org")])
    for user_id in (stranger, user):
        course_id = stage.ids[f"course.{rng.choice(['alone', 'shared', 'north'])}"]
        row = stage.hands.call("POST", f"courses/{course_id}/enrollments", **_student(user_id))
        world = stage.world()
        if row["id"] not in before:
            stage.hands.made.add(row["id"])
        if user_id == stranger:
            stage.hands.untouchable.add(row["id"])
        else:
            made = next(one for one in world["enrollments"] if one["id"] == row["id"])
            stage.hands.note([stage.key(world, made)], True)
    time.sleep(seconds / 2)


def _student(user_id: int, kind: str = "StudentEnrollment") -> dict[str, object]:
    how = {"user_id": user_id, "type": kind, "enrollment_state": "active"}
    return {f"enrollment[{name}]": value for name, value in how.items()}


@_kind(CANVAS)
def roster_emptied_by_hand(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Three people are taken out."""
    world = stage.world()
    ours = [row for row in world["enrollments"] if row["state"] in IN and row["id"] not in stage.hands.untouchable]
    ours = [row for row in ours if row["type"] == "StudentEnrollment" and stage.key(world, row)]
    for row in rng.sample(ours, min(3, len(ours))):
        url = f"{stage.canvas.url}/api/v1/courses/{row['course_id']}/enrollments/{row['id']}"
        if stage.admin.delete(url, params={"task": "delete"}, timeout=10).ok:
            stage.hands.note([stage.key(world, row)], False)
    time.sleep(seconds / 2)


@_kind(CANVAS)
def other_role_by_hand(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Somebody of ours becomes a teacher as well."""
    users = [user["id"] for user in stage.world()["users"] if (user["login"] or "").endswith("@example.org")]
    course_id = stage.ids["course.shared"]
    # Whoever is deleted or merged would lose it by that hand.
    special = {_user_of(stage, person.email)["id"] for person in stage.chosen}
    user_id = rng.choice([number for number in users if number not in special])
    row = stage.hands.call("POST", f"courses/{course_id}/enrollments", **_student(user_id, "TeacherEnrollment"))
    stage.hands.untouchable.add(row["id"])
    time.sleep(seconds / 2)


# -- ours: Redis ------------------------------------------------------------------------------------------------------


def _redis(kind: Kind) -> Kind:
    """Not while Redis is away for long."""

    def shown(stage: Stage, rng: random.Random, seconds: float) -> None:
        if stage.redis_is_away:
            raise NotShown
        kind(stage, rng, seconds)

    shown.__name__ = kind.__name__
    return shown


@_kind(OURS)
@_redis
def redis_killed(stage: Stage, rng: random.Random, seconds: float) -> None:
    stage.valkey.end(signal.SIGKILL)
    time.sleep(seconds)
    stage.valkey.start()


@_kind(OURS)
@_redis
def redis_frozen(stage: Stage, rng: random.Random, seconds: float) -> None:
    stage.valkey.send(signal.SIGSTOP)
    time.sleep(seconds)
    stage.valkey.send(signal.SIGCONT)


@_kind(OURS)
@_redis
def redis_flushed(stage: Stage, rng: random.Random, seconds: float) -> None:
    with stage.valkey.client() as client:
        client.flushall()
    time.sleep(seconds / 2)


# -- ours: workers ----------------------------------------------------------------------------------------------------


def _killed_at(point: str) -> Kind:
    def killed(stage: Stage, rng: random.Random, seconds: float) -> None:
        stage.end_workers(signal.SIGTERM)
        fatal = stage.start_worker(point)
        if point == "after_a_user_was_created":
            stage.register_newcomer()
        try:
            until(lambda: not fatal.runs(), 20 / stage.speed + 3)
        except AssertionError:
            raise NotShown from None
        finally:
            fatal.end(signal.SIGKILL)
            stage.full_strength()

    return killed


OURS |= {f"worker killed {point.replace('_', ' ')}": _killed_at(point) for point in POINTS}


@_kind(OURS)
def workers_killed_anywhere(stage: Stage, rng: random.Random, seconds: float) -> None:
    time.sleep(rng.uniform(0, seconds))
    stage.end_workers(signal.SIGKILL)
    stage.full_strength()


@_kind(OURS)
def workers_told_to_end(stage: Stage, rng: random.Random, seconds: float) -> None:
    for process in stage.living_workers():
        code, _ = process.end(signal.SIGTERM)
        # One that has only just been started has nothing to tidy up yet.
        assert code in (0, -signal.SIGTERM), code
    stage.full_strength()


@_kind(OURS)
def worker_frozen_past_its_lease(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Only one runs, so it has the lease; another takes over, and then it wakes in the middle of its calls."""
    stage.handle("options", latency_seconds=0.3)
    [frozen, *others] = stage.living_workers()
    for process in others:
        process.end(signal.SIGTERM)
    before = stage.calls()
    until(lambda: stage.calls() != before, 20)
    frozen.send(signal.SIGSTOP)
    stage.full_strength()
    time.sleep(11 / stage.speed)
    frozen.send(signal.SIGCONT)
    stage.handle("options", latency_seconds=0)


@_kind(OURS)
def five_workers_at_once(stage: Stage, rng: random.Random, seconds: float) -> None:
    for _ in range(5 - len(stage.living_workers())):
        stage.start_worker()
    time.sleep(2 * seconds)
    for process in stage.living_workers()[stage.wanted_workers :]:
        process.end(signal.SIGTERM)


@_kind(OURS)
def clock_steps_back_an_hour(stage: Stage, rng: random.Random, seconds: float) -> None:
    stage.clock_file.write_text("-3600")
    time.sleep(2 * seconds)
    stage.clock_file.unlink()


# -- ours: web and database -------------------------------------------------------------------------------------------


@_kind(OURS)
def web_killed_mid_request(stage: Stage, rng: random.Random, seconds: float) -> None:
    for _ in range(3):
        for pid in stage.web.serving():
            os.kill(pid, signal.SIGKILL)
        time.sleep(seconds / 3)
    until(stage.web.serves)


@_kind(OURS)
def database_restarted(stage: Stage, rng: random.Random, seconds: float) -> None:
    """PostgreSQL ends everybody's connection and recovers when one of its processes is killed; SQLite has none."""
    engine = stage.engine
    if engine.dialect.name == "sqlite":
        raise NotShown
    # Ours is ended as well.
    with suppress(OperationalError), engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        if connection.scalar(text("SELECT inet_server_addr() IS NULL")):
            os.kill(pid, signal.SIGKILL)
        else:
            connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IS NOT NULL"))
    engine.dispose()
    time.sleep(seconds)


@_kind(OURS)
def disk_full(stage: Stage, rng: random.Random, seconds: float) -> None:
    """No file of ours may grow: neither web nor worker can write to SQLite."""
    if stage.engine.dialect.name != "sqlite":
        raise NotShown
    processes = [stage.web.child.pid, *stage.web.serving(), *(one.child.pid for one in stage.living_workers())]
    _limit_files(processes, 4096)
    time.sleep(seconds)
    _limit_files(processes, resource.RLIM_INFINITY)


def _limit_files(processes: list[int], size: int) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
