"""Many people come at once, and go into Canvas by a SIS import that fails."""

import random
import time

from ..office import Participant, new_browser
from ..stage import MANY, Stage
from .kind import Kind, Kinds

OF_CANVAS = Kinds()


def gather(stage: Stage, rng: random.Random) -> list[Participant]:
    """The office registers more people than go one by one, all of whom Canvas knows by a SIS ID."""
    known = {email for user in stage.world()["users"] if user["sis_user_id"] for email in stage.office.emails_of(user)}
    free = [one for one in stage.office.people if one.email in known and not one.told.get("CROWD")]
    crowd = rng.sample(free, min(len(free), MANY + 2))
    if crowd:
        stage.office.register_crowd(crowd)
    return crowd


def disperse(stage: Stage, rng: random.Random) -> None:
    """Half of them change their minds, some of them twice."""
    there = [one for one in stage.office.people if one.told.get("CROWD")]
    with new_browser() as browser:
        for one in rng.sample(there, len(there) // 2):
            stage.office.change(browser, rng, [one], "CROWD")
            if rng.random() < 0.3:
                stage.office.change(browser, rng, [one], "CROWD")


def _import(what: dict[str, object], **options: object) -> Kind:
    def hurt(stage: Stage, rng: random.Random, seconds: float) -> None:
        disperse(stage, rng)
        if options:
            stage.handle("options", **options)
        else:
            stage.faults({"times": None, **what})
        gather(stage, rng)
        time.sleep(seconds)
        disperse(stage, rng)
        time.sleep(seconds)
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
