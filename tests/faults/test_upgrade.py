"""A rolling upgrade from the release before, under load: nobody is lost, left in or doubled."""

import json
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import inspect

from ..processes import REPOSITORY
from .upgrade import BEFORE, USED, empty_database, releases, roll, unpacked


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> Path:
    """The wheel of the release before. `.ci/run` says so where this checkout has no history to build it from."""
    if subprocess.run(["git", "cat-file", "-e", BEFORE], cwd=REPOSITORY, capture_output=True).returncode:
        pytest.skip(f"This checkout has no history back to {BEFORE}, the release before.")
    return unpacked(BEFORE, tmp_path_factory.mktemp("releases") / "before")


@pytest.mark.parametrize("first", ["web", "worker"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_old_and_new_processes_share_a_database_while_people_register(before, tmp_path, kind, first):
    with empty_database(kind, tmp_path) as url:
        assert roll(before, url, tmp_path, first) is None


def test_the_release_before_finds_all_its_columns_in_our_tables(before, tmp_path, app):
    """And none that has to be filled and that it leaves empty, or leaves out because it doesn't know it."""
    old, _ = releases(before, f"sqlite:///{tmp_path}/not_used.sqlite3", tmp_path)
    used = json.loads(old.run("-c", USED))
    assert "ascriptica_seat" in used
    ours = inspect(app.extensions["sqlalchemy"].engine)
    gone, demanded = set(), set()
    for table, columns in used.items():
        there = {column["name"]: column for column in ours.get_columns(table)} if ours.has_table(table) else {}
        gone |= {(table, name) for name in columns.keys() - there.keys()}
        for name, column in there.items():
            given = columns.get(name, "left out")
            if not column["nullable"] and (given == "empty" or (given == "left out" and column["default"] is None)):
                demanded.add((table, name))
    assert not gone
    assert not demanded
