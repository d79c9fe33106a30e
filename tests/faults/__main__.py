"""The long run: python -m tests.faults --database sqlite|postgresql --changes 5000 [--seed N]"""

import argparse
import functools
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from .kinds import CANVAS, OURS
from .run import Report, run
from .stage import Stage, a_database


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--changes", type=int, default=5000, help="registrations and withdrawals, at least")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--people", type=int, default=120)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4, help="how long a fault lasts, about")
    parser.add_argument("--pause", type=float, default=0.15, help="between two changes of one queue of four, about")
    parser.add_argument("--redis-away", type=float, default=600, help="seconds for which Redis is gone at first")
    parser.add_argument("--only", action="append", help="only this kind of fault; may be given more than once")
    parser.add_argument("--keep", action="store_true", help="keep the processes' logs")
    asked = parser.parse_args()
    # When it is stopped, it takes its processes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"Seed {asked.seed}, {asked.database}. The same seed gives the same people, moves and order of faults.")
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    began = time.monotonic()
    with (
        a_database(asked.database, folder) as url,
        Stage(folder, url, asked.seed, asked.people, asked.workers) as stage,
    ):
        stage.office.open(queues=4, pause=asked.pause, move_every=8)
        if asked.redis_away:
            stage.without_redis(asked.redis_away)
        kinds = asked.only or [*CANVAS, *OURS]

        def is_done(report: Report) -> bool:
            late = [name for name in kinds if name.startswith("redis") and not report.shown[name]]
            return report.changes >= asked.changes and not stage.redis_is_away and not late

        report = run(stage, asked.seconds, kinds, is_done, asked.seconds, functools.partial(print, flush=True))
        report.shown[f"redis gone for {asked.redis_away:.0f} s"] += bool(asked.redis_away)
    print(report)
    print(f"{time.monotonic() - began:.0f} s, seed {asked.seed}.")
    if asked.keep or not report.is_right:
        print(f"The logs are in {folder}.")
    else:
        shutil.rmtree(folder)
    return 0 if report.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
