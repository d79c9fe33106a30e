"""What Canvas adds to registering: POST register with Display Canvas on, off, and with Redis dead and frozen.

    python -m tests.benchmarks.register     # about a minute

Through gunicorn with one process and a real Valkey. On and off take turns, so that both meet the same machine. No
worker runs: it would compete for the two cores.
"""

import signal
import statistics
import time

import requests

from ascriptica_plugin.tables.canvas import load_settings

from .ground import COURSE, a_valkey, a_website, accounts, an_office, databases, practice_canvas, report

TIMES = 150


def post(web: requests.Session, address: str, person: dict, what: str = "register") -> float:
    """Register or withdraw. Returns how many ms it took."""
    start = time.monotonic()
    answer = web.post(f"{address}/courses/{COURSE}/{what}", **person, allow_redirects=False, timeout=30)
    took = time.monotonic() - start
    assert answer.status_code == 302, answer.status_code
    return took * 1000


def main() -> None:
    with databases() as urls, practice_canvas() as canvas, a_valkey() as valkey:
        for name, url in urls.items():
            with (
                an_office(url, canvas) as office,
                a_website(url, valkey.url, 1) as (address, _),
                requests.Session() as web,
            ):
                people = iter(accounts(office, 2 * TIMES + 30))
                took: dict[bool, list[float]] = {True: [], False: []}
                for number in range(2 * TIMES):
                    shown = number % 2 == 0
                    settings = load_settings(office.session)
                    settings.display_canvas = shown
                    office.session.commit()
                    took[shown].append(post(web, address, next(people)))
                settings = load_settings(office.session)
                settings.display_canvas = True
                office.session.commit()
                on, off = statistics.median(took[True]), statistics.median(took[False])
                report(f"{name:10}  p50 with Canvas {on:.1f} ms, off {off:.1f} ms: {on - off:+.1f} ms")
                for what, number in (("frozen", signal.SIGSTOP), ("dead", signal.SIGKILL)):
                    valkey.send(number)
                    without = [post(web, address, next(people)) for _ in range(5)]
                    report(f"{name:10}  Redis {what}: {(max(without) - on) / 1000:+.2f} s at most, all succeeded")
                    valkey.send(signal.SIGCONT)
                assert office.status()["seats"]["due"] == 2 * TIMES + 10
                valkey.child.wait()
                valkey.start()


if __name__ == "__main__":
    main()
