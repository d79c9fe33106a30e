"""The quick run of the fault suite on SQLite: once each of its kinds of fault.

Ours take turns with those of test_faults_postgresql; the other runs show every kind on both.
"""

from ..faults.kinds import CANVAS, OURS
from ..faults.quick import PEOPLE, quick

SEED = 5


def run_quickly(folder, database_url: str, kinds: list[str]) -> None:
    report = quick(folder, database_url, SEED, kinds)
    assert report.is_right, str(report)
    assert report.verdict.people_in_canvas > PEOPLE, str(report)
    # On a busy machine a worker may not come to the point where it is to die.
    assert len(report.shown) >= 0.75 * len(kinds), str(report)


def test_nothing_is_lost_or_doubled_whatever_breaks(sqlite_url, tmp_path):
    run_quickly(tmp_path, sqlite_url, [*CANVAS, *list(OURS)[::2], "disk full"])
