"""Workers die, freeze, and are too many."""

import random
import signal
import time

from ...processes import until
from ..child import POINTS
from ..stage import Stage
from .crowds import clear, gather
from .kind import Kind, Kinds, NotShown

WORKERS = Kinds()


def _killed_at(point: str) -> Kind:
    def killed(stage: Stage, rng: random.Random, seconds: float) -> None:
        if "refresh" in point and not stage.by_developer_key:
            raise NotShown
        if "import" in point:
            clear(stage, rng, seconds)
        stage.end_workers(signal.SIGTERM)
        if "import" in point:
            gather(stage, rng)
        fatal = stage.start_worker(point)
        if point == "after_a_user_was_created":
            stage.office.register_newcomer()
        stage.wait_for(fatal)
        try:
            until(lambda: not fatal.runs(), 20 / stage.speed + 3)
        except AssertionError:
            raise NotShown from None
        finally:
            fatal.end(signal.SIGKILL)
            if "import" in point:
                stage.handle("options", latency_seconds=0)
            stage.full_strength()

    return killed


WORKERS |= {f"worker killed {point.replace('_', ' ')}": _killed_at(point) for point in POINTS}


@WORKERS
def workers_killed_anywhere(stage: Stage, rng: random.Random, seconds: float) -> None:
    time.sleep(rng.uniform(0, seconds))
    stage.end_workers(signal.SIGKILL)
    stage.full_strength()


@WORKERS
def workers_killed_again_and_again_during_an_import(stage: Stage, rng: random.Random, seconds: float) -> None:
    clear(stage, rng, seconds)
    gather(stage, rng)
    for _ in range(3):
        time.sleep(rng.uniform(0, seconds))
        stage.end_workers(signal.SIGKILL)
        stage.full_strength()
    stage.handle("options", latency_seconds=0)


@WORKERS
def workers_asked_to_end(stage: Stage, rng: random.Random, seconds: float) -> None:
    for process in stage.living_workers():
        code, _ = process.end(signal.SIGTERM)
        # One that has only just been started has nothing to tidy up yet.
        assert code in (0, -signal.SIGTERM), code
    stage.full_strength()


@WORKERS
def worker_frozen_past_its_lease(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Only one runs, so it has the lease; another takes over, and then it wakes in the middle of its calls."""
    stage.handle("options", latency_seconds=0.3)
    [frozen, *others] = stage.living_workers()
    for process in others:
        process.end(signal.SIGTERM)
    before = stage.calls()
    try:
        until(lambda: stage.calls() != before, 20)
    except AssertionError:
        stage.handle("options", latency_seconds=0)
        raise NotShown from None
    frozen.send(signal.SIGSTOP)
    stage.full_strength()
    time.sleep(11 / stage.speed)
    frozen.send(signal.SIGCONT)
    stage.handle("options", latency_seconds=0)


@WORKERS
def five_workers_at_once(stage: Stage, rng: random.Random, seconds: float) -> None:
    for _ in range(5 - len(stage.living_workers())):
        stage.start_worker()
    time.sleep(2 * seconds)
    for process in stage.living_workers()[stage.wanted_workers :]:
        process.end(signal.SIGTERM)


@WORKERS
def clock_steps_back_an_hour(stage: Stage, rng: random.Random, seconds: float) -> None:
    stage.clock_file.write_text("-3600")
    time.sleep(2 * seconds)
    stage.clock_file.unlink()
