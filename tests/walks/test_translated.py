"""No text escapes translation: none in a template, and the catalogues have them all."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from ascriptica_plugin.shared import formats

from ..translations import FOREIGN, FORMS, PACKAGE, brought_up_to_date, misfilled, read, templates
from ..translations import untranslated as untranslated_in

ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "data-label", "value", "content", "label"}
"""Attributes that people see or hear."""

DATA = {
    *("name@example.org", "width=device-width, initial-scale=1", "light dark", "2; url=", "·", "–", "ms"),
    *("ASCRIPTICA_PRACTICE_PORT", "Ascriptica", "Ascriptica API"),
    *("unknown client", "redirect_uri does not match client settings"),
}
"""Texts that are the same in every language."""

CLASSES = set(re.findall(r"\.([a-z][\w-]*)", (PACKAGE / "static/ascriptica.css").read_text(encoding="utf-8")))
MASK = "\x1a"


class Literals(HTMLParser):
    """The text of a template outside of Jinja."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[int, str]] = []

    def handle_data(self, data: str) -> None:
        for part in data.split(MASK):
            self._note(part)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        for name, value in attrs:
            is_value = name != "value" or named.get("type") in ("submit", "button", "reset")
            if name in ATTRIBUTES and value and is_value:
                for part in value.split(MASK):
                    self._note(part)

    def _note(self, text: str) -> None:
        text = " ".join(text.split())
        if re.search(r"[^\W\d_]", text) and text not in DATA:
            self.found.append((self.getpos()[0], text))


def literals(source: str) -> list[tuple[int, str]]:
    """Line and text of what stands in it outside of braces."""
    reader = Literals()

    def masked(found: re.Match) -> str:
        return MASK + "\n" * found[0].count("\n")

    reader.feed(re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", masked, source, flags=re.DOTALL))
    reader.close()
    return reader.found


def constants(source: str) -> list[tuple[int, str]]:
    """Line and text of what looks like words in its expressions, outside of `t` and its like."""
    found = []

    def look(node: nodes.Node) -> None:
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in FORMS:
            for part in (*node.args[FORMS[node.node.name] :], *node.kwargs):
                look(part)
            return
        if isinstance(node, (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport, nodes.Compare)):
            return
        if isinstance(node, nodes.Const) and isinstance(node.value, str) and _is_text(node.value):
            found.append((node.lineno, node.value))
        for part in node.iter_child_nodes():
            look(part)

    look(Environment().parse(source))
    return found


def _is_text(said: str) -> bool:
    words = re.findall(r"[^\W\d_][\w'-]*", said)
    if not words or said.strip() in DATA | set(formats.TIMES) or set(words) <= CLASSES:
        return False
    return said[0].isupper() or (" " in said.strip() and re.fullmatch(r"[\w ,.:;'-]+", said.strip()) is not None)


def untranslated(path: Path) -> list[str]:
    source = path.read_text(encoding="utf-8")
    found = constants(source) + (literals(source) if path.suffix == ".html" else mail_texts(source))
    return [f"{path.name}:{line}: {text}" for line, text in sorted(found)]


def mail_texts(source: str) -> list[tuple[int, str]]:
    bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", lambda found: "\n" * found[0].count("\n"), source, flags=re.DOTALL)
    return [(number, line.strip()) for number, line in enumerate(bare.split("\n"), 1) if re.search(r"[^\W\d_]", line)]


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_a_template_has_no_untranslated_text(path):
    assert untranslated(path) == []


def test_the_search_finds_literal_text_in_templates_and_mails():
    source = """<p title="Here">{{ "Yes" if x else t("No") }} and {{ t("{n} of", n="Some words") }}
      <input type="text" value="no text"><b>{# comment #}{{ n }}</b></p>"""
    assert literals(source) == [(1, "Here"), (1, "and")]
    assert [text for _, text in constants(source)] == ["Yes", "Some words"]
    assert mail_texts("Hello {{ name }},\n{{ t('x') }}") == [(1, "Hello ,")]


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_macros_are_imported_with_the_context_that_translates(path):
    """`t` comes from the context, which a macro only sees where it is imported with it."""
    imports = Environment().parse(path.read_text(encoding="utf-8")).find_all((nodes.Import, nodes.FromImport))
    assert all(one.with_context for one in imports)


def test_a_script_has_no_text():
    """Texts that it shows come from the page, in `data-` attributes."""
    scripts = list((PACKAGE / "static").glob("*.js"))
    assert scripts
    for script in scripts:
        texts = re.findall(r"""["'`]([A-Z][a-z]+\b[^"'`\n]*)["'`]""", script.read_text(encoding="utf-8"))
        assert texts == [], script


@pytest.mark.parametrize("language", FOREIGN)
def test_every_text_is_translated(language):
    """`python -m tests.translations` brings the catalogue up to date; what is new has to be filled in."""
    kept = read(language)
    assert {one.id for one in kept} ^ {one.id for one in brought_up_to_date(language)} == set()
    assert [one.id for one in untranslated_in(kept)] == []


@pytest.mark.parametrize("language", FOREIGN)
def test_translations_have_the_braces_of_their_texts(language):
    assert misfilled(read(language)) == []
