"""How fast a drain delivers at 200 ms a call, beside what somebody would write with canvasapi, alone and as RQ jobs.

    python -m tests.benchmarks.drain        # about a minute and a half

One worker, ten calls in flight, people whom Canvas knows by their SIS IDs. The bound is flight / latency; "calls alone"
is what ten threads reach that do nothing but call. CPU is the client's own, for one seat.
"""

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import canvasapi
import redis
import rq

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.shared import retry
from ascriptica_plugin.worker import jobs

from .ground import Meter, QuickCanvas, a_valkey, an_office, databases, quick_canvas, tell

LATENCY, SEATS, SCRIPTED = 0.2, 600, 16
FLIGHT = retry.FLIGHT + retry.SPARE
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


def main() -> None:
    warnings.filterwarnings("ignore", module="canvasapi")
    with databases() as urls, quick_canvas() as canvas, a_valkey() as valkey:
        canvas.latency(LATENCY)
        scripted, script_cpu = measure(SCRIPTED, lambda: script(canvas.url, canvas.token, range(SCRIPTED)))
        queued, queued_cpu = measure(SCRIPTED, lambda: jobs_of_script(valkey.url, canvas))
        alone, alone_cpu = measure(SEATS // 2, lambda: calls_alone(canvas, SEATS // 2))
        tell(f"canvasapi script   {scripted:5.1f} /s   {script_cpu:5.2f} ms CPU")
        tell(f"the same as RQ jobs {queued:4.1f} /s   {queued_cpu:5.2f} ms CPU")
        tell(f"calls alone        {alone:5.1f} /s   {alone_cpu:5.2f} ms CPU   {alone / BOUND:4.0%} of the bound")
        for name, url in urls.items():
            canvas.latency(0)
            with an_office(url, canvas, SEATS) as office:
                canvas.latency(LATENCY)
                canvas.counts()
                rate, cpu = measure(SEATS, lambda app=office.app: jobs.deliver(app))
                assert office.status()["seats"]["enrolled"] == SEATS
                tell(
                    f"drain, {name:10}  {rate:5.1f} /s   {cpu:5.2f} ms CPU   {rate / BOUND:4.0%} of the bound   "
                    f"{rate / scripted:.0f} x the script   {canvas.counts()['max_in_flight']} in flight at most"
                )


if __name__ == "__main__":
    main()
