"""flask ascriptica ...: exit codes and what is printed."""

import json
from datetime import timedelta

from ascriptica_plugin.shared import clock
from ascriptica_plugin.worker import jobs, rounds

from ..office_at_work import in_use, make_app


def test_a_command_without_its_tables_says_what_to_run(tmp_path):
    with in_use(make_app(f"sqlite:///{tmp_path}/nothing.sqlite3")) as app:
        result = app.test_cli_runner().invoke(args=["ascriptica", "status"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: The database can't be used: no such table")
    assert result.output.endswith("run: flask ascriptica upgrade\n")


def test_a_missing_file_and_an_unknown_kind_end_with_2(app, tmp_path):
    runner = app.test_cli_runner()
    missing = runner.invoke(args=["ascriptica", "import", "courses", str(tmp_path / "nothing.csv")])
    unknown = runner.invoke(args=["ascriptica", "import", "teachers", str(tmp_path)])
    assert (missing.exit_code, unknown.exit_code) == (2, 2)


def test_status_is_readable_by_programs(ringing, canvas):
    ringing.register(ringing.course("ART", "art"))
    result = ringing.app.test_cli_runner().invoke(args=["ascriptica", "status", "--json"])
    printed = json.loads(result.output)
    assert printed["seats"] == {"due": 1, "held": 0, "parked": 0, "enrolled": 0, "removed": 0}
    assert printed["connection"] == "ok"
    assert printed["oldest_due_seconds"] >= 0
    assert printed["worker_seen_seconds"] is None


def test_a_worker_that_looks_for_work_is_healthy_without_redis(app):
    """Every drain that ends counts, also one that finds nothing; one that hangs does not."""
    runner, tally = app.test_cli_runner(), app.extensions["ascriptica"].canvases.tally
    unseen = runner.invoke(args=["ascriptica", "worker-health"])
    assert (unseen.exit_code, unseen.output.partition(".")[0]) == (1, "No worker has been seen")
    jobs.deliver(app)
    rounds.count(app)
    seen = runner.invoke(args=["ascriptica", "worker-health"])
    assert (seen.exit_code, seen.output.startswith("A worker was seen")) == (0, True)
    tally.looked_at = clock.utc_now() - timedelta(seconds=61)
    rounds.count(app)
    late = runner.invoke(args=["ascriptica", "worker-health"])
    assert (late.exit_code, late.output.startswith("The last worker was seen 61 s ago")) == (1, True)
