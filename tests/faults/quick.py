"""Short runs: python -m tests.faults.quick --database sqlite|postgresql --runs 20 [--seed N]

All waits are eight times shorter. Each run shows every kind of fault once, for half a second, after another beginning.
What needs an unlucky order comes to light here sooner than in a long run.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from .kinds import CANVAS, OURS
from .run import Report, run
from .stage import Stage, a_database

PEOPLE, SPEED, SECONDS = 40, 8, 0.5


def quick(folder: Path, database_url: str, seed: int, kinds: list[str]) -> Report:
    """A run that is over when each of the kinds was shown once."""
    with Stage(folder, database_url, seed, PEOPLE, workers=1, speed=SPEED) as stage:
        stage.open(queues=2, pause=0.25, move_every=4)
        return run(stage, SECONDS, kinds, is_done=lambda report: True)


def run_quickly(folder: Path, database_url: str, kinds: list[str]) -> None:
    """The run that is a test, the same each time."""
    report = quick(folder, database_url, 5, kinds)
    assert report.is_right, str(report)
    assert report.verdict.people_in_canvas > PEOPLE, str(report)
    # On a busy machine a worker may not come to the point where it is to die.
    assert len(report.shown) >= 0.75 * len(kinds), str(report)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.quick", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the first run")
    asked = parser.parse_args()
    wrong = 0
    for seed in range(asked.seed, asked.seed + asked.runs):
        folder = Path(tempfile.mkdtemp(prefix="faults-"))
        with a_database(asked.database, folder) as url:
            report = quick(folder, url, seed, [*CANVAS, *OURS])
        if report.is_right:
            shutil.rmtree(folder)
            print(f"Seed {seed}: right after {report.changes} changes.", flush=True)
        else:
            wrong += 1
            print(f"{report}\nSeed {seed}: the logs are in {folder}.", flush=True)
    print(f"{wrong} of {asked.runs} runs on {asked.database} were not right.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
