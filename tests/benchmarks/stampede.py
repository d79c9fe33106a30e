"""2,000 participants, signed in already, want the 500 places of one course within a minute.

    python -m tests.benchmarks.stampede     # about four minutes, both databases
    python -m tests.benchmarks.stampede 15  # within so many seconds

Each opens the course's page, registers and follows to the page again; most come in the first seconds. Two web
processes, one worker, a Valkey and the practice Canvas share the machine with the 2,000.
"""

import random
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests
from sqlalchemy import select

from ascriptica_plugin.tables.office import Course

from ..processes import until
from .ground import (
    COURSE,
    a_valkey,
    a_website,
    a_worker,
    accounts,
    an_office,
    browser,
    databases,
    practice_canvas,
    report,
)

PEOPLE, PLACES = 2000, 500


@dataclass
class Crowd:
    """What the participants saw; times in ms."""

    address: str
    outcomes: Counter = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.web = browser()
        self.web.get_adapter("http://").__init__(pool_maxsize=64)

    def come(self, person: dict, at: float) -> None:
        """One participant, from the look at the course to the page that says how it ended."""
        time.sleep(max(0.0, at - time.monotonic()))
        page = f"{self.address}/courses/{COURSE}"
        cookie = {"headers": person["headers"], "timeout": 60}
        self.ask("GET", page, **cookie)
        answer = self.ask("POST", f"{page}/register", **person, allow_redirects=False, timeout=60)
        # What was flashed is in the cookie that came with the answer.
        after = {"headers": {"Cookie": answer.headers.get("Set-Cookie", "").partition(";")[0]}, "timeout": 60}
        page = self.ask("GET", page, **after)
        registered, full = "You are registered" in page.text, "is full" in page.text
        self.outcomes["registered" if registered else "shown that it is full" if full else "shown something else"] += 1

    def ask(self, method: str, url: str, **how: object) -> requests.Response:
        start = time.monotonic()
        try:
            answer = self.web.request(method, url, **how)
        except requests.RequestException as error:
            self.outcomes[f"{method} {type(error).__name__}"] += 1
            raise
        self.took.append((time.monotonic() - start) * 1000)
        self.outcomes[f"{method} {answer.status_code}"] += 1
        return answer


def main(seconds: float) -> None:
    for number in range(2):
        with databases() as urls, practice_canvas() as canvas, a_valkey() as valkey:
            name, url = list(urls.items())[number]
            with an_office(url, canvas) as office:
                course = office.session.scalars(select(Course)).one()
                course.capacity = PLACES
                office.session.commit()
                people = accounts(office, PEOPLE)
                with a_website(url, valkey.url) as (address, _), a_worker(url, valkey.url):
                    crowd = Crowd(address)
                    begin = time.monotonic() + 1
                    with ThreadPoolExecutor(64) as threads:
                        for person, at in zip(
                            people, sorted(seconds * random.random() ** 2 for _ in people), strict=True
                        ):
                            threads.submit(crowd.come, person, begin + at)
                    lasted = time.monotonic() - begin
                    until(lambda: not office.status()["seats"]["due"], 300)
                    settled = time.monotonic() - begin
                crowd.web.close()
                took = [f"p{share} {statistics.quantiles(crowd.took, n=100)[share - 1]:.0f}" for share in (50, 95, 99)]
                report(f"{name:10}  {dict(sorted(crowd.outcomes.items()))}")
                report(f"{'':10}  all answered after {lasted:.0f} s, nothing due after {settled:.0f} s")
                report(f"{'':10}  each answer: {', '.join(took)} ms")
                report(f"{'':10}  Canvas's roster: {dict(Counter(canvas.roster('art').values()))}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
