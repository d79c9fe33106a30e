"""From the commit of a registration to the call that leaves for Canvas, with an idle worker.

    python -m tests.benchmarks.bell         # about two minutes

Once with the bell, and once without Redis, where only the worker's own look every few seconds finds it.
"""

import statistics
import time
from datetime import datetime

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.office import Course

from ..office_at_work import Office, someone
from ..processes import until
from .ground import a_valkey, a_worker, an_office, databases, practice_canvas, report


def lag(office: Office, course, number: int) -> float:
    """Register somebody; ms until their call arrived at Canvas, whose clock is ours."""
    office.canvas.session.delete(f"{office.canvas.url}/practice/calls", timeout=10)
    registrations.register(office.session, course, someone(f"p{number}", sis_user_id=f"S-{number}"), office.now)
    start = time.time()
    office.session.commit()
    until(lambda: office.canvas.read("calls")["calls"])
    arrived = datetime.fromisoformat(office.canvas.read("calls")["calls"][0]["at"]).timestamp()
    until(lambda: not office.status()["seats"]["due"])
    return (arrived - start) * 1000


def main() -> None:
    with databases() as urls, practice_canvas(200) as canvas, a_valkey() as valkey:
        for name, url in urls.items():
            first = 1
            for how, redis_url, times in (("with the bell", valkey.url, 40), ("without Redis", "", 12)):
                config = {"REDIS_URL": redis_url or None}
                with an_office(url, canvas, 0, **config) as office, a_worker(url, redis_url):
                    course = office.session.query(Course).order_by(Course.id.desc()).first()
                    lag(office, course, first)
                    time.sleep(1)
                    took = []
                    for number in range(first + 1, first + 1 + times):
                        # So that the worker's own look every few seconds comes at any moment.
                        time.sleep(0.1 + number % 7 / 10)
                        took.append(lag(office, course, number))
                    first += times + 1
                    p95 = statistics.quantiles(took, n=20)[-1] if times >= 20 else max(took)
                    which = "p95" if times >= 20 else f"longest of {times}"
                    report(f"{name:10}  {how}: median {statistics.median(took):.0f} ms, {which} {p95:.0f} ms")


if __name__ == "__main__":
    main()
