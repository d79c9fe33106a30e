"""Web processes and our database break; the database comes back from a backup."""

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ascriptica_plugin.practice.faults import LATE_SECONDS

from ...backups import back_up
from ...processes import until
from ..hands import IN
from ..office import PLACES, Remembered
from ..stage import Stage
from ..verdict import differences
from .kind import Kinds, NotShown

DATABASES = Kinds()


@DATABASES
def web_killed_mid_request(stage: Stage, rng: random.Random, seconds: float) -> None:
    for _ in range(3):
        for pid in stage.web.serving():
            os.kill(pid, signal.SIGKILL)
        time.sleep(seconds / 3)
    until(stage.web.serves)


@DATABASES
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


@DATABASES
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


@DATABASES
def database_restored(stage: Stage, rng: random.Random, seconds: float) -> None:
    """As docs/operator.md says: stop web and worker, restore, read everything again, start. What people did meanwhile
    is gone here and not in Canvas, so whatever differs then is as if a hand had done it."""
    before = _live(stage)
    with stage.office.closed():
        bring_back, then = back_up(stage.database_url, stage.folder), stage.office.remember()
    time.sleep(3 * seconds)
    with stage.weather:
        with stage.office.closed():
            _restore(stage, bring_back, then, before)
        # Associations made since then have to be made again; the Canvas course of then may be gone.
        stage.office.move_for_sure("DOOMED", *PLACES["DOOMED"][0])


def _restore(stage: Stage, bring_back: Callable[[], None], then: Remembered, before: set[tuple[int, str]]) -> None:
    stage.web.end(signal.SIGTERM)
    stage.end_workers(signal.SIGTERM)
    # By then Canvas has carried out what it has not answered.
    time.sleep(LATE_SECONDS + 0.5)
    stage.engine.dispose()
    bring_back()
    stage.office.forget_since(then)
    lost, left = differences(stage)
    stage.hands.note(lost, False)
    stage.hands.note(left, True)
    # Nothing here says who made what Canvas has since.
    stage.hands.memory.made |= {number for number, _ in _live(stage) - before}
    stage.hands.memory.made |= {number for numbers in left.values() for number in numbers}
    stage.command("recheck", "--everything")
    stage.web.start()
    stage.full_strength()


def _live(stage: Stage) -> set[tuple[int, str]]:
    """With the time they were created: a restored Canvas gives ids out again."""
    return {(row["id"], row["created_at"]) for row in stage.world()["enrollments"] if row["state"] in IN}
