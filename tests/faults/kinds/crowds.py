"""Many people come at once, and go into Canvas by a SIS import that fails."""

import random
import time
from collections.abc import Callable

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import DBAPIError

from ascriptica_plugin.tables.sis_imports import MassImport

from ...processes import until
from ..office import Participant, new_browser
from ..stage import MANY, Stage
from .kind import Kind, Kinds, NotShown

OF_CANVAS = Kinds()


def _imports(stage: Stage, *which: ColumnElement[bool]) -> int:
    while True:
        try:
            with stage.engine.connect() as connection:
                return connection.scalar(select(func.count()).select_from(MassImport).where(*which)) or 0
        except DBAPIError:
            # The database is broken at the moment.
            time.sleep(0.1)


def sent(stage: Stage) -> int:
    """How many imports were written down to be sent."""
    return _imports(stage, MassImport.sent_at.is_not(None))


def clear(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Everybody of the crowds before leaves, and their import is over: only one at a time is under way."""
    with new_browser() as browser:
        for one in stage.office.people:
            if one.confirmed.get("CROWD"):
                stage.office.change(browser, rng, [one], "CROWD")
    _wait(lambda: not _imports(stage, MassImport.over_at.is_(None)), 110 * seconds)


def _wait(true: Callable[[], bool], seconds: float) -> None:
    try:
        until(true, seconds)
    except AssertionError:
        raise NotShown from None


def gather(stage: Stage, rng: random.Random) -> list[Participant]:
    """The office registers more people than go one by one, all of whom Canvas knows by a SIS ID."""
    known = {email for user in stage.world()["users"] if user["sis_user_id"] for email in stage.office.emails_of(user)}
    free = [one for one in stage.office.people if one.email in known and not one.confirmed.get("CROWD")]
    crowd = rng.sample(free, min(len(free), 4 * MANY))
    if crowd:
        # Else those who go one by one would all be in before there is an import.
        stage.handle("options", latency_seconds=0.2)
        stage.office.register_crowd(crowd)
    return crowd


def disperse(stage: Stage, rng: random.Random) -> None:
    """Half of them change their minds, some of them twice."""
    there = [one for one in stage.office.people if one.confirmed.get("CROWD")]
    with new_browser() as browser:
        for one in rng.sample(there, len(there) // 2):
            stage.office.change(browser, rng, [one], "CROWD")
            if rng.random() < 0.3:
                stage.office.change(browser, rng, [one], "CROWD")


def _import(what: dict[str, object], **options: object) -> Kind:
    def hurt(stage: Stage, rng: random.Random, seconds: float) -> None:
        clear(stage, rng, seconds)
        before = sent(stage)
        if options:
            stage.handle("options", **options)
        else:
            stage.faults({"times": None, **what})
        try:
            gather(stage, rng)
            _wait(lambda: sent(stage) > before, seconds + 5)
            stage.handle("options", latency_seconds=0)
            disperse(stage, rng)
            time.sleep(2 * seconds)
        finally:
            stage.handle("options", imports="on", import_seconds=0.5)
            stage.good_weather()

    return hurt


SENT, LISTED = "POST /accounts/*/sis_imports*", "GET /accounts/*/sis_imports*"
OF_CANVAS |= {
    "import that works": _import({}, imports="on"),
    "import done, its answer lost": _import({"match": SENT, "fault": "reset", "when": "after"}),
    "import not taken": _import({"match": SENT, "fault": "reset"}),
    "import's end not shown": _import({"match": LISTED, "fault": "status", "status": 503}),
    "imports stuck": _import({}, imports="stuck"),
    "imports switched off": _import({}, imports="off"),
    "import done late": _import({}, import_seconds=4),
}
