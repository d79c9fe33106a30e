"""How fast many people get into a Canvas course by one SIS import, beside what the ordinary road can reach at most.

    python -m tests.benchmarks.mass         # about half a minute

2,000 people whom Canvas knows by their SIS IDs, 100 ms a call, against the practice Canvas, which carries an import out
at once. The bound of the ordinary road is flight / latency.
"""

import threading
import time

import requests

from ascriptica_plugin import clock, retry
from ascriptica_plugin.office import registrations
from ascriptica_plugin.practice import create_practice_canvas, serve
from ascriptica_plugin.sync import drain

from ..office_at_work import Office, in_use, make_app, policy, someone
from ..practice_canvas import Practice
from .ground import databases, tell

PEOPLE, LATENCY = 2000, 0.1
BOUND = retry.FLIGHT / LATENCY
PATIENCE_SECONDS = 120


def measure(url: str, canvas: Practice) -> tuple[float, int]:
    """Seconds until everybody is in, and calls."""
    canvas.seed(
        users={f"p{n}": {"login": f"p{n}@example.org", "sis_user_id": f"S-{n}"} for n in range(PEOPLE)},
        courses={"art": {"sis_course_id": "ART-1"}},
    )
    with in_use(make_app(url)) as app:
        office = Office(app, canvas)
        office.connect()
        policy(office, mass_by_sis=True)
        course = office.course("ART", "art")
        for n in range(PEOPLE):
            registrations.register(office.session, course, someone(f"p{n}", sis_user_id=f"S-{n}"), clock.utc_now())
        office.session.commit()
        canvas.options(latency_seconds=LATENCY)
        canvas.calls()
        began = time.monotonic()
        while office.status()["seats"]["enrolled"] < PEOPLE:
            assert time.monotonic() - began < PATIENCE_SECONDS
            drain.drain(office.session, office.canvases)
            time.sleep(0.1)
        seconds = time.monotonic() - began
        calls = canvas.read("calls")["total"]
        canvas.options(latency_seconds=0)
        assert len(canvas.who_is_in("art")) == PEOPLE
    return seconds, calls


def main() -> None:
    app = create_practice_canvas()
    server = serve(app, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    token = app.extensions["practice"].admin_token
    with databases() as urls, requests.Session() as session, requests.Session() as admin:
        admin.headers["Authorization"] = f"Bearer {token}"
        canvas = Practice(f"http://127.0.0.1:{server.port}", token, session, admin)
        for name, url in urls.items():
            seconds, calls = measure(url, canvas)
            rate = PEOPLE / seconds
            tell(
                f"{name:10}  {seconds:5.1f} s   {rate:6.0f} /s   {rate / BOUND:4.1f} x the ordinary road's bound   "
                f"{calls / PEOPLE:.3f} calls a seat"
            )
    server.shutdown()


if __name__ == "__main__":
    main()
