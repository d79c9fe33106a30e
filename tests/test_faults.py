"""The quick run of the fault suite on SQLite: once each of its kinds of fault, all waits eight times shorter.

Ours take turns with those of test_faults_postgresql; the long run shows every kind on both.
"""

from .faults.kinds import CANVAS, OURS
from .faults.run import run
from .faults.stage import Stage

SEED, PEOPLE, SPEED, SECONDS = 5, 40, 8, 0.5


def quick(folder, database_url: str, kinds: list[str]) -> None:
    with Stage(folder, database_url, SEED, PEOPLE, workers=1, speed=SPEED) as stage:
        stage.open(queues=2, pause=0.25, move_every=4)
        report = run(stage, SECONDS, kinds, is_done=lambda report: True)
    assert report.is_right, str(report)
    assert report.verdict.people_in_canvas > PEOPLE, str(report)
    # On a busy machine a worker may not come to the point where it is to die.
    assert len(report.shown) >= 0.75 * len(kinds), str(report)


def test_nothing_is_lost_or_doubled_whatever_breaks(sqlite_url, tmp_path):
    quick(tmp_path, sqlite_url, [*CANVAS, *list(OURS)[::2], "disk full"])
