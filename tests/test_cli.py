"""flask ascriptica ...: exit codes and what is printed."""

import json

from .office_at_work import in_use, make_app


def test_a_command_without_its_tables_says_what_to_run(tmp_path):
    with in_use(make_app(f"sqlite:///{tmp_path}/nothing.sqlite3")) as app:
        result = app.test_cli_runner().invoke(args=["ascriptica", "status"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: The database can't be used: no such table")
    assert result.output.endswith("run: flask ascriptica upgrade\n")


def test_no_file_and_no_such_kind_end_with_2(app, tmp_path):
    runner = app.test_cli_runner()
    missing = runner.invoke(args=["ascriptica", "import", "courses", str(tmp_path / "nothing.csv")])
    unknown = runner.invoke(args=["ascriptica", "import", "teachers", str(tmp_path)])
    assert (missing.exit_code, unknown.exit_code) == (2, 2)


def test_status_is_told_to_programs(ringing, canvas):
    ringing.register(ringing.course("ART", "art"))
    result = ringing.app.test_cli_runner().invoke(args=["ascriptica", "status", "--json"])
    told = json.loads(result.output)
    assert told["seats"] == {"due": 1, "held": 0, "parked": 0, "enrolled": 0, "removed": 0}
    assert told["connection"] == "ok"
    assert told["oldest_due_seconds"] >= 0
    assert told["worker_seen_seconds"] is None
