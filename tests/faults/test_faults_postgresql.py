"""The quick run of the fault suite on PostgreSQL; a file of its own, so that the two run side by side."""

from .kinds import CANVAS, OURS
from .quick import run_quickly


def test_nothing_is_lost_or_doubled_whatever_breaks(postgresql, tmp_path):
    others = {*list(CANVAS)[1::2], *list(OURS)[1::2], "database restarted", "database restored"}
    # With this seed the office is connected by a developer key.
    refreshes = {name for name in [*CANVAS, *OURS] if "refresh" in name}
    run_quickly(tmp_path, postgresql, 4, sorted(others | refreshes))
