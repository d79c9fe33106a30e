"""The quick run of the fault suite on PostgreSQL; a file of its own, so that the two run side by side."""

from .kinds import CANVAS, OURS
from .quick import run_quickly


def test_nothing_is_lost_or_doubled_whatever_breaks(postgresql, tmp_path):
    run_quickly(tmp_path, postgresql, [*list(CANVAS)[::2], *list(OURS)[1::2], "database restarted"])
