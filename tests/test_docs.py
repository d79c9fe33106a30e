"""The docs hold what they promise: links lead somewhere, nothing that the code has is left out, the example runs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ascriptica_plugin
import wsgi
from ascriptica_plugin.ledger.causes import CAUSES
from ascriptica_plugin.shared import config
from ascriptica_plugin.standalone.accounts import commands
from ascriptica_plugin.sync import small_tasks
from ascriptica_plugin.sync.checking import PERMISSIONS

ROOT, PACKAGE = Path(__file__).parent.parent, Path(ascriptica_plugin.__file__).parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for image, target in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", path.read_text()):
        if image or "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.is_file(), target
        assert not anchor or anchor in anchors(there.read_text()), target


def test_operators_find_every_setting_and_command():
    names = {one.name for one in config.PLUGIN + config.SITE + config.ONE_MACHINE}
    assert {name for name in names if f"`{name}`" not in page("operator.md")} == set()
    there = {*wsgi.app.cli.commands["ascriptica"].commands, commands.create_user.name}
    assert {name for name in there if f"`flask ascriptica {name}" not in page("operator.md")} == set()


def test_hosts_find_every_setting_that_is_theirs():
    assert {one.name for one in config.PLUGIN if f"`{one.name}`" not in page("host.md")} == set()


def test_the_office_finds_every_cause_and_permission():
    assert {cause.title for cause in CAUSES.values() if f"**{cause.title}**" not in page("admin.md")} == set()
    assert {name for name in PERMISSIONS if f"`{name}`" not in page("admin.md")} == set()


LOGS = ("log", "self.log", "current_app.logger")


def calls() -> list[ast.Call]:
    """Every call in our modules; the practice Canvas is not ours to operate."""
    paths = [path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(PACKAGE / "practice")]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text()))]
    return [node for node in nodes if isinstance(node, ast.Call)]


def logging_calls() -> list[ast.Call]:
    """The calls that write a line into the process log."""
    return [
        call
        for call in calls()
        if isinstance(call.func, ast.Attribute)
        and ast.unparse(call.func.value) in LOGS
        and isinstance(call.args[0], ast.Constant)
    ]


def test_a_line_of_the_process_log_that_has_a_value_has_it_for_programs_too():
    bare = [ast.unparse(call) for call in logging_calls() if len(call.args) > 1]
    assert len(bare) > 25
    assert [one for one in bare if "extra=" not in one] == []


def test_operators_find_every_field_of_the_process_log():
    made = [call for call in calls() if re.fullmatch(r"(.+\.)?about", ast.unparse(call.func))]
    names = {name.arg for call in made for name in call.keywords if name.arg} | set(small_tasks.FIELDS.values())
    fields = page("operator.md").partition("### Fields")[2].partition("\n#")[0]
    said = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\|([^|]+)\|", fields, re.MULTILINE))))
    assert len(names) > 25
    # The module of signals may not import what makes fields.
    assert said == names | {"time", "level", "logger", "message", "trace", "signal"}


def test_operators_find_every_line_of_the_process_log():
    lines, said = {call.args[0].value for call in logging_calls()}, re.findall(r"`([^`\n]+)`", page("operator.md"))
    assert len(lines) > 25
    for line in lines:
        pattern = re.sub(r"%(\\\.\d+)?[a-z]", ".+", re.escape(line))
        assert any(re.fullmatch(pattern, one) for one in said), line


def test_the_example_of_a_host_runs(tmp_path):
    example = re.search(r"```python\n(\"\"\"A small app.*?)```", page("host.md"), re.DOTALL)[1]
    assert len(example.splitlines()) < 40
    (tmp_path / "host.py").write_text(example)
    (tmp_path / "try.py").write_text("""
from ascriptica_plugin.tables.upgrade import upgrade_tables
from host import Base, User, app, db

upgrade_tables(app)
with app.app_context():
    Base.metadata.create_all(db.engine)
    db.session.add(User(email="ann@example.org", name="Ann", is_admin=True))
    db.session.commit()
browser = app.test_client()
print(browser.get("/registration/my/courses").location)
print(browser.get("/sign-in").location)
for path in ("/", "/registration/my/courses", "/registration/tools/courses", "/registration/healthz"):
    print(browser.get(path).status_code)
""")
    answer = subprocess.run(
        [sys.executable, "try.py"],
        cwd=tmp_path,
        env={"SECRET_KEY": "x", "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.stdout.split()[1:] == ["/registration/", "200", "200", "200", "200"], answer.stderr
    assert answer.stdout.startswith("/sign-in")


def test_security_names_no_test_that_is_not_there():
    rows = re.findall(r"^\| (?:\*\*V)?\d.*$", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_]+)`", row.rsplit("|", 2)[1])}
    there = {
        name for file in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def test_(\w+)", file.read_text())
    }
    assert len(named) > 80
    assert named - there == set()


def test_no_page_names_a_file_of_tests_that_is_not_there():
    pages = "\n".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    named = set(re.findall(r"`((?:[a-z_]+/)+test_\w+)`", pages))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / "tests" / f"{name}.py").exists()] == []
