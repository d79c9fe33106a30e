"""Every call of ours has its scope, and no scope is asked for that no call needs."""

import ast
import re
from pathlib import Path

from ascriptica_plugin.canvas import scopes

FOLDER = Path(scopes.__file__).parent
SENDERS = {"_call", "_pages", "_page", "_exchange"}
ONLY_WITH_A_PASTED_TOKEN = {"GET users/self/tokens/X"}
"""A developer key's tokens have no end that this call knows."""


def _text(node: ast.expr) -> str | None:
    """A path as it is written in the code, with X for what is filled in; None if it is a variable."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
    return None


def calls() -> set[str]:
    """METHOD and path of every call that the modules of `canvas` write down, also of a path that has a name."""
    found = set()
    for file in FOLDER.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            named = {}
            for node in ast.walk(function):
                if isinstance(node, ast.Assign):
                    targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
                    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                    for target, value in zip(targets, values, strict=False):
                        if isinstance(target, ast.Name) and (path := _text(value)):
                            named.setdefault(target.id, path)
            for node in ast.walk(function):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                if node.func.attr not in SENDERS:
                    continue
                words = [named.get(one.id) if isinstance(one, ast.Name) else _text(one) for one in node.args[:2]]
                method = words[0] if words and words[0] in ("GET", "POST", "PUT", "DELETE") else "GET"
                path = words[1] if words and words[0] == method and len(words) > 1 else words[0]
                if path and "/" in path:
                    found.add(f"{method} {path}")
    return found


def test_every_call_of_the_client_has_its_scope_and_every_scope_its_call():
    made = calls() - ONLY_WITH_A_PASTED_TOKEN
    assert len(made) >= 17
    without = {call for call in made if scopes.scope_for(*call.split(" ", 1)) is None}
    assert without == set(), "add these to canvas/scopes.py, and to the developer keys of those who upgrade"
    assert {scopes.scope_for(*call.split(" ", 1)) for call in made} == set(scopes.SCOPES)


def test_scopes_are_written_as_canvas_writes_them():
    for scope in scopes.SCOPES:
        assert re.fullmatch(r"url:(GET|POST|PUT|DELETE)\|/api/v1(/[a-z_]+|/:[a-z_]+)+", scope)
    assert len(" ".join(scopes.SCOPES)) < 6000
