"""Short runs: python -m tests.faults.quick --database sqlite|postgresql --runs 20 [--seed N]

All waits are eight times shorter. Each run shows half of the kinds of fault once, for half a second, in an order of its
own. What needs an unlucky order comes to light here sooner than in a long run.
"""

import argparse
import random
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from .kinds import CANVAS, OURS
from .run import Report, run
from .stage import Stage, a_database

PEOPLE, SPEED, SECONDS = 90, 8, 0.5


def quick(folder: Path, database_url: str, seed: int, kinds: list[str]) -> Report:
    """A run that is over when each of the kinds was shown once."""
    with Stage(folder, database_url, seed, PEOPLE, workers=1, speed=SPEED) as stage:
        stage.office.open(queues=2, pause=0.25, move_every=4)
        return run(stage, SECONDS, kinds, is_done=lambda report: True)


def some(seed: int) -> list[str]:
    """Half of the kinds, drawn anew for each even seed; the odd seed after it has the others."""
    every = sorted([*CANVAS, *OURS])
    half = random.Random(seed // 2).sample(every, len(every) // 2)
    return half if seed % 2 == 0 else [name for name in every if name not in half]


def run_quickly(folder: Path, database_url: str, seed: int, kinds: list[str]) -> None:
    """The run that is a test, the same each time."""
    report = quick(folder, database_url, seed, kinds)
    assert report.is_right, str(report)
    assert report.verdict.people_in_canvas > PEOPLE, str(report)
    # A worker comes to the point where it is to die only if there is work of that kind just then, and an import is sent
    # only if the one before is over.
    sure = {name for name in kinds if not name.startswith("worker killed") and "import" not in name}
    assert len(sure & report.shown.keys()) >= 0.75 * len(sure), str(report)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.quick", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the first run")
    parser.add_argument("--only", action="append", help="only this kind of fault; may be given more than once")
    asked = parser.parse_args()
    # When it is stopped, it takes its processes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wrong = 0
    for seed in range(asked.seed, asked.seed + asked.runs):
        folder = Path(tempfile.mkdtemp(prefix="faults-"))
        with a_database(asked.database, folder) as url:
            report = quick(folder, url, seed, asked.only or some(seed))
        if report.is_right:
            shutil.rmtree(folder)
            print(f"Seed {seed}: {report.in_short}", flush=True)
        else:
            wrong += 1
            print(f"{report}\nSeed {seed}: the logs are in {folder}.", flush=True)
    print(f"{wrong} of {asked.runs} runs on {asked.database} were not right.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
