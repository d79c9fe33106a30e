"""The office corrects people while they are being delivered."""

import random
import time

from ...processes import until
from ..office import CODES, new_browser
from ..stage import Stage
from .kind import Kinds

PEOPLE = Kinds()


@PEOPLE
def email_corrected_meanwhile(stage: Stage, rng: random.Random, seconds: float) -> None:
    """The email of somebody new to Canvas is corrected right after they were registered, and once more."""
    office, person = stage.office, stage.office.register_newcomer()
    name = person.email.partition("@")[0]
    for number in range(2):
        time.sleep(rng.uniform(0, seconds / 2))
        until(lambda number=number: office.correct(person, email=f"{name}.{number}@example.org"))


@PEOPLE
def sis_id_of_somebody_else_meanwhile(stage: Stage, rng: random.Random, seconds: float) -> None:
    """The office types a stranger's SIS ID, and takes it away again."""
    office, person = stage.office, rng.choice(stage.office.chosen["corrected"])
    with new_browser() as browser:
        for _ in range(3):
            office.change(browser, rng, [person], rng.choice(CODES))
        until(lambda: office.correct(person, sis_user_id=f"X-{rng.randrange(20, 30)}"))
        for _ in range(3):
            office.change(browser, rng, [person], rng.choice(CODES))
            time.sleep(rng.uniform(0, seconds / 2))
        until(lambda: office.correct(person))
