"""Reads what our processes write: each line is one event, in the shape that ASCRIPTICA_LOG names."""

import json
import re
from typing import Any

PAIR = re.compile(r'(?P<name>[A-Za-z_]\w*)=(?P<value>"(?:[^"\\]|\\.)*"|[\w.:/+-]+)(?: (?=\S)|$)', re.ASCII)


def event(line: str, shape: str) -> dict[str, Any]:
    """The event on this line; fails the test if the line is none of this shape."""
    found = json.loads(line) if shape == "json" else dict(_pairs(line))
    assert list(found)[:4] == ["time", "level", "logger", "message"], line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["time"]), line
    assert found["level"] in ("INFO", "WARNING", "ERROR", "CRITICAL"), line
    return found


def _pairs(line: str) -> list[tuple[str, str]]:
    pairs, end = [], 0
    while end < len(line):
        pair = PAIR.match(line, end)
        assert pair, f"not key=value from {end}: {line}"
        value = pair["value"]
        pairs.append((pair["name"], json.loads(value) if value.startswith('"') else value))
        end = pair.end()
    assert len(dict(pairs)) == len(pairs), f"a name stands twice: {line}"
    return pairs
