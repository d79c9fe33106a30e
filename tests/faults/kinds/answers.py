"""Canvas answers wrongly, late, twice or not at all."""

import random
import time

from ..furnishing import TOKEN_LIVES
from ..office import new_browser
from ..stage import Stage
from .kind import Kind, Kinds, NotShown

EVERY_CALL, EVERY_CHANGE = "* *", "POST /courses/"
ORDERS: dict[str, dict[str, object]] = {
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
            stage.office.register_newcomer()
        time.sleep(seconds)
        stage.good_weather()

    return answered


ANSWERS = Kinds({name: _answer(order) for name, order in ORDERS.items()})

REFRESH = "POST /login/oauth2/token"
REFRESHES: dict[str, dict[str, object]] = {
    "refresh done, its answer lost": {"match": REFRESH, "fault": "reset", "when": "after"},
    "refresh not done": {"match": REFRESH, "fault": "html", "status": 503},
    "refresh never answered": {"match": REFRESH, "fault": "hang", "when": "after", "times": 2},
}


def _refresh(order: dict[str, object]) -> Kind:
    def hurt(stage: Stage, rng: random.Random, seconds: float) -> None:
        if not stage.by_developer_key:
            raise NotShown
        stage.faults({"times": None, **order})
        # For long enough that the token from before ends.
        time.sleep(max(seconds, TOKEN_LIVES))
        stage.good_weather()

    return hurt


ANSWERS |= {name: _refresh(order) for name, order in REFRESHES.items()}


@ANSWERS
def late_on_a_shared_enrollment(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Two registrations of one person lead to one enrollment, and each request about it is carried out late, or its
    answer is lost."""
    fault = {"fault": "reset", "when": rng.choice(["late", "after"]), "times": None}
    shared = stage.ids["course.shared"]
    stage.faults(*({"match": f"{verb} /courses/{shared}/", **fault} for verb in ("POST", "DELETE")))
    with new_browser() as browser:
        for _ in range(8):
            code = rng.choice(["SHARE-1", "SHARE-2"])
            stage.office.change(browser, rng, stage.office.chosen["sharing"], code)
            time.sleep(seconds / 8)
    stage.good_weather()


@ANSWERS
def one_user_always_500(stage: Stage, rng: random.Random, seconds: float) -> None:
    person = rng.choice(stage.office.chosen["refused"])
    with new_browser() as browser:
        stage.office.change(browser, rng, [person])
        user = stage.hands.user_of(person.email)
        stage.faults(
            *({"match": f"{verb} *", "fault": "status", "times": None, "of": of} for verb, of in _all_of(user))
        )
        for _ in range(3):
            stage.office.change(browser, rng, [person])
            time.sleep(seconds / 3)
    stage.good_weather()


def _all_of(user: dict) -> list[tuple[str, str]]:
    login = user["login"].replace("@", "%40")
    return [("GET", login), ("POST", login), ("POST", f"user_id%5D={user['id']}&")]
