"""The quick run of the fault suite on SQLite: once each of its kinds of fault.

Ours take turns with those of test_faults_postgresql; the other runs show every kind on both.
"""

from .kinds import CANVAS, OURS
from .quick import run_quickly


def test_nothing_is_lost_or_doubled_whatever_breaks(sqlite_url, tmp_path):
    run_quickly(tmp_path, sqlite_url, [*CANVAS, *list(OURS)[::2], "disk full"])
