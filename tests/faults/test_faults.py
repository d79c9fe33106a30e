"""The quick run of the fault suite on SQLite.

Its kinds of fault take turns with those of test_faults_postgresql; the other runs show every kind on both.
"""

from .kinds import CANVAS, OURS
from .quick import run_quickly


def test_nothing_is_lost_or_doubled_whatever_breaks(sqlite_url, tmp_path):
    some = {*list(CANVAS)[::2], *list(OURS)[::2], "disk full", "database restored"}
    run_quickly(tmp_path, sqlite_url, 6, sorted(name for name in some if "refresh" not in name))
