"""What the documents name is there."""

import re
from pathlib import Path

TESTS = Path(__file__).parent


def test_security_names_no_test_that_is_not_there():
    rows = re.findall(r"^\| (?:\*\*V)?\d.*$", (TESTS.parent / "docs" / "security.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_]+)`", row.rsplit("|", 2)[1])}
    there = {name for file in TESTS.rglob("test_*.py") for name in re.findall(r"def test_(\w+)", file.read_text())}
    assert len(named) > 80
    assert named - there == set()
