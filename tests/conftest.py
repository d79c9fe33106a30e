"""Which tests come first, which are fast, and the fixtures that several folders use."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ascriptica_plugin.shared import pauses

pytest_plugins = [
    "tests.certificates",
    "tests.servers",
    "tests.practice_canvas",
    "tests.office_at_work",
    "tests.databases",
    "tests.processes",
    "tests.inbox",
    "tests.masses",
    "tests.furnished",
]

# The same orders each time, and no files left behind; --hypothesis-profile=long tries others.
_orders = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
settings.register_profile("quick", derandomize=True, max_examples=30, stateful_step_count=25, **_orders)
settings.register_profile("long", max_examples=2000, stateful_step_count=50, **_orders)
settings.load_profile("quick")

TESTS = Path(__file__).parent


@pytest.fixture(autouse=True)
def patient_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of the tests' own process wait longer for Canvas than in life: a busy machine may take seconds to answer.

    Tests of the wait itself set their own. It stays below what a page's place to call Canvas lasts.
    """
    monkeypatch.setattr(pauses, "PAGE_SECONDS", 9)


LONGEST_FIRST = [
    "faults/test_faults",
    "faults/test_faults_postgresql",
    "walks/test_model",
    "faults/test_outage",
    "faults/test_upgrade",
    "walks/test_unnamed",
    "one_machine/test_one_machine",
    "walks/test_marked",
    "faults/test_worker",
    "browser/test_looks",
    "browser/test_stylesheet",
    "browser/test_walks",
    "tools/test_roster",
    "hosts/test_migrations",
]
SLOW_FOLDERS = {"browser", "faults", "hosts", "practice", "standalone", "walks"}
SLOW_FILES = {
    "test_deploy",
    "test_docs",
    "test_due",
    "test_process_log",
    "test_showing",
    "test_transport",
    "test_transport_guard",
    "test_walks",
    "test_walks_lost",
    "test_walks_ours",
}
"""They start processes, wait for timeouts, or write tens of thousands of rows."""

SLOW_FIXTURES = {"app_on_postgresql", "at_work"}
APP_FIXTURES = {"app", "kept_app"}
APP_FOLDERS = {"cli", "tools", "worker"}
APP_FILES = {
    "test_errors",
    "test_health",
    "test_hosts_as_pages",
    "test_mails_to_administrators",
    "test_mails_to_participants",
    "test_request_language",
    "test_users_way_in",
}
"""They make apps or processes of their own."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m fast`, what is slow is not even imported."""
    if config.option.markexpr != "fast" or not collection_path.is_relative_to(TESTS):
        return None
    folders = collection_path.relative_to(TESTS).parts
    return bool((SLOW_FOLDERS | APP_FOLDERS).intersection(folders)) or collection_path.stem in SLOW_FILES | APP_FILES


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that wait most, so that none of them is left alone at the end; mark what is slow or fast."""
    for item in items:
        if _is_slow(item):
            item.add_marker("slow")
        elif not _needs_an_app(item):
            item.add_marker("fast")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    file = f"{item.path.parent.name}/{item.path.stem}"
    return LONGEST_FIRST.index(file) if file in LONGEST_FIRST else len(LONGEST_FIRST)


def _needs_an_app(item: pytest.Item) -> bool:
    folders = item.path.relative_to(TESTS).parent.parts
    return item.path.stem in APP_FILES or bool(
        APP_FOLDERS.intersection(folders) or APP_FIXTURES.intersection(item.fixturenames)
    )


def _is_slow(item: pytest.Item) -> bool:
    """In a slow folder or file, with a worker process, or on PostgreSQL."""
    on_postgresql = hasattr(item, "callspec") and item.callspec.params.get("kept_app") == "postgresql"
    folders = item.path.relative_to(TESTS).parent.parts
    return (
        on_postgresql
        or item.path.stem in SLOW_FILES
        or bool(SLOW_FOLDERS.intersection(folders) or SLOW_FIXTURES.intersection(item.fixturenames))
    )
