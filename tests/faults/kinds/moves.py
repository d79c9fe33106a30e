"""Canvas users become one, and sections go to other courses: enrollments move and stay the same."""

import random
import time

from ..office import new_browser
from ..stage import Stage
from .kind import Kinds, NotShown

MOVES = Kinds()


@MOVES
def user_merged(stage: Stage, rng: random.Random, seconds: float) -> None:
    """A user is merged into another one, who has the person's logins and enrollments from then on."""
    office, person = stage.office, rng.choice(stage.office.chosen["merged"])
    with new_browser() as browser:
        office.change(browser, rng, [person])
        user = stage.hands.user_of(person.email)
        other = stage.hands.make_user(f"Other {user['id']}", f"{user['id']}@elsewhere.org")
        if rng.random() < 0.5:
            # A teacher has put that one into one of our courses before.
            stage.hands.add(other["id"], rng.choice(["alone", "shared", "north"]))
        stage.hands.call("PUT", f"users/{user['id']}/merge_into/{other['id']}")
        for _ in range(2):
            office.change(browser, rng, [person])
            time.sleep(seconds / 2)


@MOVES
def participants_merged(stage: Stage, rng: random.Random, seconds: float) -> None:
    """Two participants who both have places turn out to be one Canvas user."""
    office, twins = stage.office, stage.office.chosen["twins"]
    users = [stage.hands.user_of(one.email) for one in twins]
    pairs = list(zip(users[::2], users[1::2], strict=True))
    apart = [number for number, (one, two) in enumerate(pairs) if one["id"] != two["id"]]
    if not apart:
        raise NotShown
    number = rng.choice(apart)
    pair, users = twins[2 * number : 2 * number + 2], list(pairs[number])
    rng.shuffle(users)
    with new_browser() as browser:
        for _ in range(4):
            office.change(browser, rng, pair)
        time.sleep(seconds / 2)
        stage.hands.call("PUT", f"users/{users[0]['id']}/merge_into/{users[1]['id']}")
        for _ in range(4):
            office.change(browser, rng, pair)
            time.sleep(seconds / 4)


@MOVES
def section_crosslisted_and_back(stage: Stage, rng: random.Random, seconds: float) -> None:
    section, away = stage.ids["section.crossed.one"], stage.ids["course.away"]
    with new_browser() as browser:
        office, some = stage.office, stage.office.people
        for _ in range(3):
            office.change(browser, rng, some, "CROSSED")
        stage.hands.call("POST", f"sections/{section}/crosslist/{away}")
        for _ in range(3):
            office.change(browser, rng, some, "CROSSED")
            time.sleep(seconds / 3)
        stage.hands.call("DELETE", f"sections/{section}/crosslist")
