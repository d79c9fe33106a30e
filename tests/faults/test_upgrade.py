"""A rolling upgrade from the release before, under load: nobody is lost, left in or doubled."""

import subprocess
from pathlib import Path

import pytest

from ..processes import REPOSITORY
from .upgrade import BEFORE, empty_database, roll, unpacked


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> Path:
    """The release before. `.ci/run` says so where this checkout has no history to take it from."""
    if subprocess.run(["git", "cat-file", "-e", BEFORE], cwd=REPOSITORY, capture_output=True).returncode:
        pytest.skip(f"This checkout has no history back to {BEFORE}, the release before.")
    return unpacked(BEFORE, tmp_path_factory.mktemp("releases") / "before")


@pytest.mark.parametrize(("kind", "first"), [("sqlite", "web"), ("postgresql", "worker")])
def test_old_and_new_processes_share_a_database_while_people_register(before, tmp_path, kind, first):
    with empty_database(kind, tmp_path) as url:
        assert roll(before, url, tmp_path, first) is None
