"""The quick run of the fault suite on SQLite: every kind of fault once, all clocks eight times as fast."""

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
    assert len(report.shown) >= len(kinds) - 5, str(report)


def test_nothing_is_lost_or_doubled_whatever_breaks(sqlite_url, tmp_path):
    quick(tmp_path, sqlite_url, [*CANVAS, *OURS])
