"""Faults of a Canvas that can be read and takes no changes, or of one of its courses."""

import random
import time

from ..stage import Stage
from .kind import Kinds

SICK = Kinds()
COURSES = ("alone", "shared", "north")


def _kind(name: str, fault: dict[str, object], *, of_a_course: bool) -> None:
    def shown(stage: Stage, rng: random.Random, seconds: float) -> None:
        path = f"/courses/{stage.ids[f'course.{rng.choice(COURSES)}']}/" if of_a_course else "/"
        stage.faults(*({"match": f"{verb} {path}", "times": None, **fault} for verb in ("POST", "DELETE", "PUT")))
        # An outage of changes is noticed after some of them, and people come while it lasts.
        time.sleep(3 * seconds)
        stage.good_weather()

    SICK[name] = shown


_kind("takes no changes", {"fault": "status", "status": 503}, of_a_course=False)
_kind("takes changes and says that it does not", {"fault": "status", "status": 504, "when": "after"}, of_a_course=False)
_kind("a course hangs", {"fault": "hang"}, of_a_course=True)
_kind("a course takes no changes", {"fault": "status", "status": 500}, of_a_course=True)
_kind("a course refuses", {"fault": "denied"}, of_a_course=True)
