"""What our processes write to their logs: one entry a line, in UTC, and nothing that is told can pass for an entry."""

import re
import subprocess
import sys

AN_ENTRY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING|ERROR) [a-z_.]+: .*")

FORGED = "2027-03-01T09:00:00.000Z WARNING ascriptica_plugin.standalone.accounts: forged"

PROGRAM = f"""
import logging
from ascriptica_plugin import process_log
process_log.begin()
process_log.begin()
log = logging.getLogger("ascriptica_plugin.standalone.accounts")
forged = {FORGED!r}
log.info("Kim\\r\\n%s", forged)
log.warning("Lou\\x1b[2J\\u2028%s\\x85%s", forged, forged)
try:
    raise ValueError("a\\n" + forged)
except ValueError:
    log.exception("Failed.")
logging.getLogger("wsgi").error("Exception on %s [GET]", "/links/a-token_of_ours")
logging.getLogger("alembic").info("nothing of ours")
logging.getLogger("alembic").warning("a warning of others")
"""


def test_every_entry_has_its_time_and_none_can_be_forged():
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stderr
    entries = [line for line in told.split("\n") if AN_ENTRY.fullmatch(line)]
    assert [entry.split(" ", 2)[1:] for entry in entries] == [
        ["INFO", "ascriptica_plugin.standalone.accounts: Kim\\r"],
        ["WARNING", f"ascriptica_plugin.standalone.accounts: Lou\\x1b[2J\\u2028{FORGED}\\x85{FORGED}"],
        ["ERROR", "ascriptica_plugin.standalone.accounts: Failed."],
        ["ERROR", "wsgi: Exception on /links/... [GET]"],
        ["WARNING", "alembic: a warning of others"],
    ]
    others = set(told.splitlines()) - set(entries)
    assert others
    assert all(line.startswith("  | ") for line in others)
    assert f"  | {FORGED}" in others
    assert "  | ValueError: a" in others
