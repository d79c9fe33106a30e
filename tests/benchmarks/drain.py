"""How fast a drain delivers at 200 ms a call, beside what somebody would write with canvasapi, alone and as RQ jobs.

    python -m tests.benchmarks.drain                      # about three minutes
    python -m tests.benchmarks.drain largest [FOLDER]     # about six minutes; two with a kept database

One worker, ten calls in flight, people whom Canvas knows by their SIS IDs. The bound is flight / latency; "calls alone"
is what ten threads reach that do nothing but call. CPU is the client's own, for one seat.

`largest`: three workers on PostgreSQL, beside 1,000,000 seats of 200,000 people. FOLDER keeps the
database, as `pages largest FOLDER` does; the next run drains it again as it is.
"""

import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import canvasapi
import redis
import rq
from sqlalchemy import func, or_, select, update

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.sync import flight
from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.columns import Sealed
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.office import Association
from ascriptica_plugin.tables.upgrade import upgrade_tables
from ascriptica_plugin.worker import jobs

from ..databases import embedded_postgresql
from ..office_at_work import Office, in_use, make_app
from ..processes import until
from .ground import (
    Meter,
    QuickCanvas,
    a_valkey,
    a_worker,
    add_due_seats,
    an_office,
    databases,
    keep_what_is_committed,
    quick_canvas,
    report,
)
from .large_office import LARGEST, fill, hold_many
from .memory import used

LATENCY, SEATS, SCRIPTED = 0.2, 1800, 16
FLIGHT = flight.FLIGHT + flight.SPARE
BOUND = FLIGHT / LATENCY


def measure(count: int, work: Callable[[], object]) -> tuple[float, float]:
    """How many a second, and ms of CPU for each."""
    with Meter() as meter:
        work()
    return count / meter.wall, meter.cpu / count * 1000


def script(url: str, token: str, users: range) -> None:
    """What the manual of canvasapi suggests: a course, a user, an enrollment."""
    for number in users:
        client = canvasapi.Canvas(url, token)
        course = client.get_course(42)
        user = client.get_user(f"S-{number}", "sis_user_id")
        course.enroll_user(user, "StudentEnrollment", enrollment={"enrollment_state": "active", "notify": False})


def jobs_of_script(url: str, canvas: QuickCanvas) -> None:
    """RQ's default worker, which forks for each job, and one job for each enrollment."""
    with redis.Redis.from_url(url) as connection:
        queue = rq.Queue("enroll", connection=connection)
        for number in range(SCRIPTED):
            queue.enqueue("tests.benchmarks.drain.script", canvas.url, canvas.token, range(number, number + 1))
        rq.Worker([queue], connection=connection).work(burst=True, logging_level="ERROR")


def calls_alone(canvas: QuickCanvas, count: int) -> None:
    client = CanvasClient(canvas.api, canvas.token, allow_private=True)
    with ThreadPoolExecutor(FLIGHT) as threads:
        list(threads.map(lambda number: client.enroll(42, f"sis_user_id:S-{number}"), range(count)))


def beside_a_million(folder: Path | None) -> None:
    """Three workers deliver what came at once."""
    with embedded_postgresql(folder) as url, quick_canvas() as canvas, in_use(make_app(url)) as app:
        upgrade_tables(app)
        office = Office(app, canvas)
        session = office.session
        if session.scalar(select(Account.id).limit(1)) is None:
            fill(app, LARGEST)
            hold_many(app)
        keep_what_is_committed(session.get_bind())
        token = Sealed.seal(canvas.token, app.extensions["ascriptica"].canvases.keys)
        session.execute(update(Connection).values(canvas_url=canvas.api, token=token))
        session.execute(update(Association).values(looked_up_at=office.now))
        # Otherwise seats that the pages' benchmark left open would be delivered as well.
        is_open = or_(Seat.settled_version < Seat.version, Seat.parked_at.is_not(None))
        session.execute(update(Seat).where(~Seat.held, is_open).values(settled_version=Seat.version, parked_at=None))
        session.commit()
        canvas.latency(LATENCY)
        with ExitStack() as stack:
            workers = [stack.enter_context(a_worker(url)) for _ in range(3)]
            # Until they have begun.
            time.sleep(15)
            cpu = sum(used(worker.pid) for worker in workers)
            add_due_seats(office, SEATS)
            until(lambda: len(canvas.enrolled()) == SEATS, 300)
            cpu = sum(used(worker.pid) for worker in workers) - cpu
        times = sorted(canvas.enrolled().values())
        rate = (SEATS - 1) / (times[-1] - times[0])
        settled = session.scalar(select(func.count()).select_from(Seat))
        report(
            f"three workers beside {settled:,} seats   {rate:5.1f} /s   {cpu / SEATS * 1000:5.2f} ms CPU   "
            f"{rate / BOUND:4.0%} of the bound   {canvas.counts()['max_in_flight']} in flight at most"
        )


def main() -> None:
    warnings.filterwarnings("ignore", module="canvasapi")
    with databases() as urls, quick_canvas() as canvas, a_valkey() as valkey:
        canvas.latency(LATENCY)
        scripted, script_cpu = measure(SCRIPTED, lambda: script(canvas.url, canvas.token, range(SCRIPTED)))
        queued, queued_cpu = measure(SCRIPTED, lambda: jobs_of_script(valkey.url, canvas))
        alone, alone_cpu = measure(SEATS // 2, lambda: calls_alone(canvas, SEATS // 2))
        report(f"canvasapi script   {scripted:5.1f} /s   {script_cpu:5.2f} ms CPU")
        report(f"the same as RQ jobs {queued:4.1f} /s   {queued_cpu:5.2f} ms CPU")
        report(f"calls alone        {alone:5.1f} /s   {alone_cpu:5.2f} ms CPU   {alone / BOUND:4.0%} of the bound")
        for name, url in urls.items():
            canvas.latency(0)
            with an_office(url, canvas, SEATS) as office:
                canvas.latency(LATENCY)
                canvas.counts()
                rate, cpu = measure(SEATS, lambda app=office.app: jobs.deliver(app))
                assert office.status()["seats"]["enrolled"] == SEATS
                report(
                    f"drain, {name:10}  {rate:5.1f} /s   {cpu:5.2f} ms CPU   {rate / BOUND:4.0%} of the bound   "
                    f"{rate / scripted:.0f} x the script   {canvas.counts()['max_in_flight']} in flight at most"
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["largest"]:
        beside_a_million(Path(sys.argv[2]) if sys.argv[2:] else None)
    else:
        main()
