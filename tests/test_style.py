"""The stylesheet: all of it is below one class, every rule is used, and every class of a template has a rule."""

import re
from collections.abc import Iterator
from pathlib import Path

import tinycss2
from tinycss2.ast import AtRule, Node, QualifiedRule

import ascriptica_plugin

PACKAGE = Path(ascriptica_plugin.__file__).parent
CSS = (PACKAGE / "static/ascriptica.css").read_text(encoding="utf-8")
TEMPLATES = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("templates/ascriptica/*.html"))


def top_level() -> list[Node]:
    return tinycss2.parse_stylesheet(CSS, skip_comments=True, skip_whitespace=True)


def nested(rule: QualifiedRule | AtRule) -> Iterator[Node]:
    """What stands in a rule, and in the rules in it."""
    for node in tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True):
        yield node
        if isinstance(node, (QualifiedRule, AtRule)):
            yield from nested(node)


def selectors(rule: QualifiedRule) -> Iterator[str]:
    """The rule's selectors, split at the commas between them."""
    parts = [[]]
    for token in rule.prelude:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    for part in parts:
        yield tinycss2.serialize(part).strip()


def test_every_rule_is_below_our_class():
    *animations, ours = top_level()
    assert {rule.at_keyword for rule in animations} == {"keyframes"}
    assert all(tinycss2.serialize(rule.prelude).strip().startswith("ascriptica-") for rule in animations)
    assert list(selectors(ours)) == [".ascriptica"]
    found = 0
    for node in nested(ours):
        assert node.type in ("declaration", "qualified-rule", "at-rule"), node
        if isinstance(node, AtRule):
            assert node.at_keyword == "media", node
        if isinstance(node, QualifiedRule):
            for selector in selectors(node):
                # Without an & it is about what is inside; one at its start is our element, and no sibling of it.
                assert re.fullmatch(r"(&(\.[\w-]+)?)?[^&]*", selector), selector
                assert not re.match(r"(&(\.[\w-]+)?)?\s*[+~]", selector), selector
                found += 1
    assert found > 200


def test_the_stylesheet_loads_nothing_from_elsewhere():
    assert not re.search(r"url\(|@import|@font-face|https?:", CSS)


MADE_UP = {
    "access-settled",
    "access-stuck",
    "access-waiting",
    "notice-good",
    "step-done",
    "step-now",
    "step-shut",
    "step-stuck",
    "step-yours",
}
"""Class names whose ending a template fills in."""


def test_every_class_of_the_pages_has_a_rule_and_every_rule_its_use():
    rules = [node for node in nested(top_level()[-1]) if isinstance(node, QualifiedRule)]
    ruled = set(re.findall(r"\.([a-z][\w-]*)", " ".join(tinycss2.serialize(rule.prelude) for rule in rules)))
    written = re.findall(r'class="((?:[^"{]|\{\{.*?\}\}|\{%.*?%\})*)"', TEMPLATES)
    named = set(re.sub(r"\S*\{[{%].*?[%}]\}\S*", " ", " ".join(written)).split())
    assert len(named) > 50
    assert named - ruled - {"ascriptica"} == set()
    assert ruled - set(re.findall(r"[\w-]+", TEMPLATES)) - MADE_UP == set()
