"""Redis is away, silent or empty."""

import functools
import random
import time

from ..stage import Stage
from .kind import Kind, Kinds, NotShown, frozen, killed

REDIS = Kinds()


def _kind(kind: Kind) -> Kind:
    """Not while Redis is away for long."""

    @functools.wraps(kind)
    def shown(stage: Stage, rng: random.Random, seconds: float) -> None:
        if stage.redis_is_away:
            raise NotShown
        kind(stage, rng, seconds)

    return REDIS(shown)


@_kind
def redis_killed(stage: Stage, rng: random.Random, seconds: float) -> None:
    killed(stage.valkey, seconds)


@_kind
def redis_frozen(stage: Stage, rng: random.Random, seconds: float) -> None:
    frozen(stage.valkey, seconds)


@_kind
def redis_flushed(stage: Stage, rng: random.Random, seconds: float) -> None:
    with stage.valkey.client() as client:
        client.flushall()
    time.sleep(seconds / 2)
