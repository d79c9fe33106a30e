"""The walls: imports flow one way, and tests mirror what they test."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import ascriptica_plugin

PACKAGE, TESTS = Path(ascriptica_plugin.__file__).parent, Path(__file__).parent
FLOORS = [
    {"practice", "shared", "signals"},
    {"canvas", "tables"},
    {"ledger", "mail"},
    {"office", "sync"},
    {"cli", "web", "worker"},
    {"extension", "standalone"},
]
"""The packages from the ground up: each may import only from floors below its own.

The stand-alone site mounts the plugin as any host does, by its public name `ascriptica_plugin.Ascriptica`.
"""


OF_FLASK, OF_QUEUE, OF_NETWORK = {"flask", "flask_sqlalchemy", "flask_wtf"}, {"rq", "redis"}, {"requests", "urllib3"}


NEVER = {
    "canvas": OF_FLASK | OF_QUEUE | {"sqlalchemy"},
    "tables": OF_FLASK | OF_QUEUE | OF_NETWORK,
    "ledger": OF_FLASK | OF_QUEUE | OF_NETWORK,
    "office": OF_FLASK | OF_QUEUE | OF_NETWORK,
    "sync": OF_FLASK | OF_QUEUE | OF_NETWORK,
    "web": OF_QUEUE | OF_NETWORK,
    "standalone": OF_NETWORK,
}
"""Other packages that are kept out: only `canvas` speaks to Canvas, only `worker` to RQ, and rules know no Flask."""


NOT_OURS = {
    "tables.upgrade": OF_FLASK,  # an application has the engine
    "standalone.one_machine.instance": {"redis"},  # ends the server that an earlier run left behind
}


PUBLIC = {"standalone.site": {"ascriptica_plugin"}}
"""Modules that import the plugin by its public name. All other imports are relative, so that the floors see them."""


@cache
def imports_of(path: Path) -> tuple[set[str], set[str]]:
    """Modules of ours (dotted, without our own name), and packages of others, that a file imports."""
    ours, others = set(), set()
    package = list(path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            others.add(node.module if node.module.startswith("ascriptica_plugin.") else node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            base = [part for part in base if part]
            for alias in node.names:
                is_module = any(PACKAGE.joinpath(*base, alias.name + end).exists() for end in (".py", "/__init__.py"))
                ours.add(".".join([*base, alias.name] if is_module or not base else base))
    return ours - {"__version__"}, others


def packages() -> dict[str, list[Path]]:
    found = {path.stem: [path] for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    folders = (path for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
    return found | {folder.name: sorted(folder.rglob("*.py")) for folder in folders}


def test_every_package_stands_on_a_floor():
    assert set(packages()) == set().union(*FLOORS)


@pytest.mark.parametrize("package", sorted(packages()))
def test_imports_flow_one_way(package):
    floor = next(number for number, here in enumerate(FLOORS) if package in here)
    below = set().union(*FLOORS[:floor])
    for path in packages()[package]:
        ours, others = imports_of(path)
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        assert {one.split(".")[0] for one in ours} - {package, "practice"} <= below, path
        assert not others & (NEVER.get(package, set()) - NOT_OURS.get(module, set())), path
        assert not {one for one in others if one.startswith("ascriptica_plugin")} - PUBLIC.get(module, set()), path


def test_the_drawing_in_the_documents_has_the_arrows_that_there_are():
    """All but those to packages that nearly everybody imports."""
    everywhere = {"shared", "signals", "tables"}
    drawing = (TESTS.parent / "docs/developing.md").read_text().partition("flowchart TD")[2].partition("```")[0]
    drawn = {
        (start, end) for start, ends in re.findall(r"(\w+) --> (.+)", drawing) for end in ends.strip().split(" & ")
    }
    there = {
        (package, ours.partition(".")[0])
        for package, paths in packages().items()
        for path in paths
        for ours in imports_of(path)[0]
    }
    assert drawn == {(start, end) for start, end in there if start != end and end not in everywhere}


def test_no_package_imports_in_a_circle():
    for paths in packages().values():
        arrows = {
            ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): imports_of(path)[0]
            for path in paths
        }
        graph = {module: {one for one in ours if one in arrows and one != module} for module, ours in arrows.items()}
        # A package's face imports what is in it; that is no hop of anything else.
        faces = {module for module in graph if any(other.startswith(f"{module}.") for other in graph)}
        list(TopologicalSorter({module: ours - faces for module, ours in graph.items()}).static_order())


def test_a_mere_plugin_loads_nothing_of_the_stand_alone_site():
    """It does not load what only that site needs either: no password list, no second step, no sign-ins."""
    script = """
import sys
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from ascriptica_plugin import Ascriptica
host = Flask("host")
host.config.update(SECRET_KEY="x", SQLALCHEMY_DATABASE_URI="sqlite://")
SQLAlchemy(host)
Ascriptica(host, load_participant=lambda: None, may_administer=lambda: False)
print(*sorted(name for name in sys.modules if name.startswith("ascriptica_plugin.standalone")))
print(*sorted({"flask_login", "pyotp", "segno", "zxcvbn", "gunicorn"} & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.split() == []


LOCKING = {"tables/locks.py", "ledger/settling.py", "standalone/accounts"}
"""Where rows may be locked; `tables/locks.py` says in which order."""


def test_rows_are_locked_in_one_place():
    for path in PACKAGE.rglob("*.py"):
        where = path.relative_to(PACKAGE)
        if not {where.as_posix(), where.parent.as_posix()} & LOCKING:
            assert "with_for_update" not in path.read_text(), path


def test_the_practice_canvas_stands_alone():
    paths = list((PACKAGE / "practice").glob("*.py"))
    assert paths
    for path in paths:
        assert {one.split(".")[0] for one in imports_of(path)[0]} <= {"practice"}, path


ACROSS = {"benchmarks", "browser", "faults", "hosts", "walks"}
"""Folders of tests that go through several packages."""

OF_THE_REPOSITORY = {"test_deploy", "test_docs", "test_style", "test_walls", "tables/test_migrations"}


def test_tests_mirror_what_they_test():
    """`office/test_people.py` or `office/test_people_found.py` for `office/people.py`; `cli/test_cli.py` for `cli`."""
    for path in TESTS.rglob("test_*.py"):
        mirrored = path.relative_to(TESTS).with_suffix("")
        if mirrored.parts[0] not in ACROSS and mirrored.as_posix() not in OF_THE_REPOSITORY:
            package = PACKAGE / mirrored.parent
            modules = {package.name, *(module.stem for module in package.glob("*.py"))}
            name = mirrored.name.removeprefix("test_")
            assert any(name == module or name.startswith(f"{module}_") for module in modules), path


RULES = {"canvas", "ledger", "office", "shared", "sync", "worker"}
"""Packages of rules. The others are tested from outside, by their pages and commands."""

TESTED_ELSEWHERE = {
    "canvas/errors": "canvas/test_responses.py",
    "canvas/exchange": "canvas/test_calling.py",
    "canvas/shapes": "canvas/test_client.py",
    "ledger/access": "web/test_canvas_access.py",
    "ledger/associations": "sync/test_canvas_courses.py",
    "ledger/blocked": "web/tools/test_overview.py",
    "ledger/blocked_courses": "web/tools/test_overview.py",
    "ledger/blocked_groups": "web/tools/test_overview.py",
    "ledger/blocked_people": "web/tools/test_overview.py",
    "ledger/causes": "walks/test_causes.py",
    "ledger/last_activity": "web/tools/test_results.py",
    "ledger/loading": "sync/test_walks.py",
    "ledger/matches": "walks/test_identity.py",
    "ledger/metrics": "web/test_metrics.py",
    "ledger/passing": "ledger/test_results.py",
    "ledger/request_windows": "walks/test_late.py",
    "ledger/results_to_fetch": "cli/test_fetching.py",
    "ledger/sis_imports": "sync/test_sis_imports.py",
    "ledger/ways_in": "walks/test_way_in.py",
    "ledger/work": "sync/test_walks.py",
    "office/office": "web/tools/test_settings.py",
    "office/acts": "web/tools/test_log_lines.py",
    "office/personal_data": "office/test_erasing.py",
    "office/plan": "office/test_registrations.py",
    "office/previews": "web/tools/test_moving.py",
    "office/recipients": "office/test_pasted_list.py",
    "office/registration_signals": "test_signals.py",
    "office/sis_questions": "web/tools/test_sis_ids.py",
    "office/to_another_course": "web/tools/test_to_another_course.py",
    "office/undoing": "web/tools/test_undoing.py",
    "shared/formats": "walks/test_translated.py",
    "sync/access_signals": "test_signals.py",
    "sync/clients": "sync/test_keeper.py",
    "sync/current_key": "sync/test_keeper.py",
    "sync/disconnecting": "web/tools/test_disconnecting.py",
    "sync/holding": "sync/test_outage.py",
    "sync/one_person": "web/tools/test_canvas_person.py",
    "sync/passwords": "sync/test_users_way_in.py",
    "sync/previewing": "web/tools/test_moving.py",
    "sync/proofs": "sync/test_proving.py",
    "sync/results": "ledger/test_results.py",
    "sync/run": "sync/test_drain.py",
    "sync/small_tasks": "walks/test_lies.py",
    "sync/starting": "sync/test_line.py",
    "sync/tasks": "sync/test_walks_lost.py",
    "worker/redis_listener": "faults/test_worker.py",
}
"""Modules of these without a file of tests by their name, and the file with most of their tests. A new module has a
file of its own."""

SHORTEST = 13
"""Lines of a module that has something to test."""


def test_every_package_has_its_folder_of_tests():
    folders = {path.parent.relative_to(PACKAGE) for path in PACKAGE.glob("*/**/*.py")} - {Path("web/forms")}
    assert [folder for folder in sorted(folders) if not list((TESTS / folder).glob("test_*.py"))] == []


def test_every_module_of_rules_is_tested_in_a_file_of_its_name_or_is_listed():
    without = set()
    for path in (one for package in RULES for one in (PACKAGE / package).rglob("*.py")):
        folder = path.parent.relative_to(PACKAGE)
        name = path.parent.name if path.stem == "__init__" else path.stem
        tests = TESTS / folder
        its = [*tests.glob(f"test_{name}.py"), *tests.glob(f"test_{name}_*.py")]
        if len(path.read_text().splitlines()) >= SHORTEST and not its:
            without.add((folder / name).as_posix())
    assert without == set(TESTED_ELSEWHERE)
    assert [where for where in TESTED_ELSEWHERE.values() if not (TESTS / where).is_file()] == []
