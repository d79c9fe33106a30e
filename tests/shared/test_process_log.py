"""What our processes write to their logs: one event a line, in UTC, and no text in it can pass for another event."""

import json
import logging
import re
import subprocess
import sys

import pytest

from ascriptica_plugin.shared import process_log

A_LINE = re.compile(
    r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(INFO|WARNING|ERROR) logger=[a-z_.]+ message=.*"
)

FORGED = "time=2027-03-01T09:00:00.000Z level=WARNING logger=ascriptica_plugin message=forged"

PROGRAM = f"""
import logging, sys
from ascriptica_plugin.shared import process_log
process_log.begin(sys.argv[1])
process_log.begin(sys.argv[1])
log = logging.getLogger("ascriptica_plugin.standalone.accounts")
forged = {FORGED!r}
log.info("Kim\\r\\n%s", forged)
log.warning("Lou\\x1b[2J\\u2028%s\\x85", forged, extra={{"about": {{"seat": 5, "who": 'a "b"\\nc=d'}}}})
try:
    raise ValueError("a\\n" + forged)
except ValueError:
    log.exception("Failed.")
logging.getLogger("wsgi").error("Exception on %s [GET]", "/links/a-token_of_ours")
logging.getLogger("alembic").info("nothing of ours")
logging.getLogger("alembic").warning("a-warning")
"""


def written(shape: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM, shape]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr.splitlines()


def test_every_event_is_one_line_and_none_can_be_forged():
    lines = written("text")
    assert all(A_LINE.fullmatch(line) for line in lines)
    assert [line.partition(" ")[2] for line in lines] == [
        rf'level=INFO logger=ascriptica_plugin.standalone.accounts message="Kim\\r\n{FORGED}"',
        rf'level=WARNING logger=ascriptica_plugin.standalone.accounts message="Lou\\x1b[2J\\u2028{FORGED}\\x85" seat=5 '
        r'who="a \"b\"\nc=d"',
        lines[2].partition(" ")[2],
        'level=ERROR logger=wsgi message="Exception on /links/... [GET]"',
        "level=WARNING logger=alembic message=a-warning",
    ]
    assert lines[2].startswith(
        lines[2][:29] + " level=ERROR logger=ascriptica_plugin.standalone.accounts message=Failed. trace="
    )
    assert rf"ValueError: a\n{FORGED}" in lines[2]


def test_the_log_can_be_written_as_json_for_programs():
    events = [json.loads(line) for line in written("json")]
    assert [(one["level"], one["logger"]) for one in events] == [
        ("INFO", "ascriptica_plugin.standalone.accounts"),
        ("WARNING", "ascriptica_plugin.standalone.accounts"),
        ("ERROR", "ascriptica_plugin.standalone.accounts"),
        ("ERROR", "wsgi"),
        ("WARNING", "alembic"),
    ]
    assert (events[1]["seat"], events[1]["who"]) == (5, 'a "b"\nc=d')
    assert events[2]["trace"].endswith(f"ValueError: a\n{FORGED}")
    assert events[3]["message"] == "Exception on /links/... [GET]"


def test_an_unknown_log_format_is_refused(tmp_path):
    from ..office_at_work import make_app

    with pytest.raises(RuntimeError, match="ASCRIPTICA_LOG must be text or json"):
        make_app(f"sqlite:///{tmp_path}/x.sqlite3", ASCRIPTICA_LOG="xml")


def test_an_email_in_foreign_words_is_left_out_of_message_trace_and_fields():
    words = (
        "Key (email)=(ann@example.org) exists. <Bob.O'Neil+x@müller.example>, sis_login_id:kim%40example.org?q=lou@b.c"
    )
    plain = "Key (email)=((email)) exists. <Bob.O'(email)>, sis_login_id:(email)?q=(email)"
    assert process_log.unnamed(words) == plain
    record = logging.makeLogRecord(
        {"msg": "It said: %s", "args": (words,), "levelname": "ERROR", "about": {"who": words}}
    )
    try:
        raise ValueError(words)
    except ValueError:
        record.exc_info = sys.exc_info()
    for formatter in (process_log._Lines(), process_log._JSON()):
        line = formatter.format(record)
        assert not re.search("@|%40", line)
        assert line.count("sis_login_id:(email)") == 3


def lines_about(**about: object) -> list[str]:
    """A line in both shapes: text, JSON."""
    record = logging.makeLogRecord({"msg": "It happened.", "levelname": "INFO", "name": "ours", "about": about})
    return [process_log.formatter(shape).format(record) for shape in ("text", "json")]


@pytest.mark.parametrize(
    "value",
    [
        ["ann@example.org", 5],
        {"who": ("ann@example.org",), "ann@example.org": 1},
        {"ann@example.org"},
        ValueError("ann@example.org\nlevel=ERROR"),
        [{"who": '"Kim L"@example.org'}],
        '{"error": "\\"Kim L\\"@example.org"}',
        'Kim <"Kim L"@example.org>',
        b"ann%40example.org",
    ],
    ids=str,
)
def test_an_email_is_left_out_however_deep_in_a_field_it_is(value):
    for line in lines_about(who=value):
        assert "(email)" in line
        assert not re.search("@|%40|Kim L|\n", line)


def test_no_field_takes_the_place_of_the_event_s_own():
    text, as_json = lines_about(level="ERROR", message="forged", time="never", logger="forged", seat=5)
    assert re.fullmatch(r'time=20\S+ level=INFO logger=ours message="It happened." seat=5', text)
    event = json.loads(as_json)
    assert (event["level"], event["logger"], event["message"], event["seat"]) == ("INFO", "ours", "It happened.", 5)


def test_a_field_s_name_is_one_word():
    text, as_json = lines_about(**{"a b\nc=d": 1, "ann@example.org": 2})
    assert text.endswith(' message="It happened." a_b_c_d=1 ann_example_org=2')
    assert list(json.loads(as_json))[4:] == ["a_b_c_d", "ann_example_org"]


def test_values_are_what_json_has():
    values = {"number": 1.5, "none": None, "yes": True, "not_one": float("nan"), "most": [float("inf")]}
    text, as_json = lines_about(**values)
    assert text.endswith(r' number=1.5 none=null yes=true not_one=nan most="[\"inf\"]"')

    def refuse(name: str) -> None:
        raise AssertionError(name)

    event = json.loads(as_json, parse_constant=refuse)
    assert [event[name] for name in values] == [1.5, None, True, "nan", ["inf"]]


def test_what_an_event_knows_nothing_of_is_no_field():
    assert process_log.about(mail=7, error=None, reason="", tries=0) == {"about": {"mail": 7, "tries": 0}}


def test_what_another_package_calls_about_is_no_field():
    record = logging.makeLogRecord({"msg": "It happened.", "levelname": "INFO", "name": "theirs", "about": "words"})
    assert process_log.formatter("text").format(record).endswith('logger=theirs message="It happened."')


def test_what_is_away_is_logged_by_whoever_needs_it(caplog):
    caplog.set_level(logging.INFO)
    trouble = process_log.Trouble(logging.getLogger("ours.rounds"), "database", "The database", "We wait.")
    for _ in range(2):
        trouble.began(OSError("gone\nfor good"))
    trouble.ended()
    assert [(one.name, one.getMessage(), one.about) for one in caplog.records] == [
        (
            "ours.rounds",
            "The database is away (OSError: gone). We wait.",
            {"part": "database", "error": "OSError", "reason": "gone"},
        ),
        ("ours.rounds", "The database is back.", {"part": "database"}),
    ]
