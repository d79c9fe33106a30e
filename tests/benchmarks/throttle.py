"""How Canvas's throttle treats us: draining 10,000 seats with its bucket modelled, and several workers at once.

    python -m tests.benchmarks.throttle          # about two minutes
    python -m tests.benchmarks.throttle 2000     # fewer seats

The practice Canvas charges all of a call's time as its cost, the most that Canvas could.
"""

import sys
import time
from contextlib import ExitStack

from ascriptica_plugin.worker import jobs

from ..processes import until
from .ground import Meter, a_worker, add_due_seats, an_office, databases, practice_canvas, report

LATENCY, WORKERS = 0.05, 5


def main(count: int) -> None:
    shared = max(count // 10, 200)
    with databases() as urls, practice_canvas(count + 2 * shared) as canvas:
        with an_office(urls["SQLite"], canvas, count) as office:
            canvas.options(latency_seconds=LATENCY, throttle={"enabled": True})
            with Meter() as meter:
                jobs.deliver(office.app)
            seen, enrolled = canvas.read("calls"), office.status()["seats"]["enrolled"]
            report(f"one worker, {enrolled} seats in {meter.wall:.0f} s: {seen['throttled']} throttle answers")
        with an_office(urls["PostgreSQL"], canvas, shared) as office, ExitStack() as stack:
            for _ in range(WORKERS):
                stack.enter_context(a_worker(urls["PostgreSQL"]))
            until(lambda: office.status()["seats"]["enrolled"] == shared, 300)
            seen = canvas.read("calls")
            report(
                f"{WORKERS} workers, {shared} seats: {seen['max_in_flight']} calls in flight at most, "
                f"{seen['throttled']} throttle answers, {seen['total']} calls"
            )
            # From here on Canvas has room for four calls at a time, as if somebody else used the token too.
            canvas.options(throttle={"hwm": 240})
            canvas.session.delete(f"{canvas.url}/practice/calls", timeout=10)
            start = time.monotonic()
            add_due_seats(office, 100)
            until(lambda: office.status()["seats"]["enrolled"] == shared + 100, 300)
            seen = canvas.read("calls")
            report(
                f"with room for 4: 100 seats in {time.monotonic() - start:.0f} s, {seen['throttled']} throttle answers"
            )
            canvas.options(throttle={"hwm": 600})
            canvas.session.delete(f"{canvas.url}/practice/calls", timeout=10)
            add_due_seats(office, 100)
            until(lambda: office.status()["seats"]["enrolled"] == shared + 200, 300)
            seen = canvas.read("calls")
            report(f"with all room again: {seen['max_in_flight']} in flight, {seen['throttled']} throttle answers")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
