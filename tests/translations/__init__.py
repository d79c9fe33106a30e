"""Finds the texts that have to be translated, and keeps the catalogues in `locale/` in step with them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

import ascriptica_plugin
from ascriptica_plugin.shared.language import LANGUAGES, SOURCE

PACKAGE = Path(ascriptica_plugin.__file__).parent
FOREIGN = [language for language in LANGUAGES if language != SOURCE]
FORMS = {"t": 1, "mark": 1, "tn": 2}
"""How many texts each of these takes: `tn` the singular and the plural."""

Texts = tuple[str, ...]
"""One text, or singular and plural."""


class NotFound(Exception):
    """A text that is put together in the code, so that no catalogue can have it."""


def templates() -> list[Path]:
    """The templates of pages and mails; the practice Canvas speaks English only."""
    return sorted(path for path in PACKAGE.rglob("templates/ascriptica/**/*") if path.is_file())


def messages() -> set[Texts]:
    """Every text of ours that has to be translated. Raises NotFound, with its place."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        found |= set(in_python(path))
    for path in templates():
        found |= set(in_template(path))
    return {texts for texts in found if re.search("[^\\W\\d_]", re.sub(r"{\w+}", "", texts[0]))}


def in_python(path: Path) -> Iterator[Texts]:
    """The texts given to `t`, `tn` and `mark`, and those in a value of the type `Marked`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORMS:
            given = node.args[: FORMS[node.func.id]]
            if any(isinstance(part, (ast.JoinedStr, ast.BinOp, ast.IfExp, ast.BoolOp)) for part in given):
                raise NotFound(f"{path}:{node.lineno}: give each text of its own to {node.func.id}.")
            if given and all(isinstance(part, ast.Constant) for part in given):
                yield tuple(part.value for part in given)
        if isinstance(node, ast.AnnAssign) and node.value and ast.unparse(node.annotation).startswith("Marked["):
            yield from ((text,) for text in _texts_in(node.value, path))


def _texts_in(node: ast.AST, path: Path) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        raise NotFound(f"{path}:{node.lineno}: what is filled in belongs into braces, and to t.")
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    parts = node.values if isinstance(node, ast.Dict) else ast.iter_child_nodes(node)
    for part in parts:
        yield from _texts_in(part, path)


def in_template(path: Path) -> Iterator[Texts]:
    for call in Environment().parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in FORMS:
            given = call.args[: FORMS[call.node.name]]
            if any(isinstance(part, (nodes.CondExpr, nodes.Concat, nodes.BinExpr)) for part in given):
                raise NotFound(f"{path}:{call.lineno}: give each text of its own to {call.node.name}.")
            if all(isinstance(part, nodes.Const) for part in given):
                yield tuple(part.value for part in given)


def read(language: str) -> Catalog:
    with (PACKAGE / f"locale/{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def brought_up_to_date(language: str) -> Catalog:
    """The catalogue with exactly the texts of today, and the translations that it has of them."""
    old, new = read(language), Catalog(locale=language)
    for texts in sorted(messages()):
        kept = old.get(texts[0])
        same_kind = kept is not None and kept.pluralizable == (len(texts) == 2)
        new.add(texts if len(texts) == 2 else texts[0], kept.string if same_kind else None)
    for message in new:
        message.flags.clear()
    return new


def write(language: str) -> Catalog:
    """Write the catalogue without line numbers and dates, so that a diff has only what changed."""
    catalogue = brought_up_to_date(language)
    with (PACKAGE / f"locale/{language}.po").open("wb") as file:
        write_po(file, catalogue, width=110, no_location=True, omit_header=True, sort_output=True)
    return catalogue


def untranslated(catalogue: Catalog) -> list[Message]:
    return [one for one in catalogue if one.id and not all(_forms(one.string))]


def misfilled(catalogue: Catalog) -> list[Message]:
    """Translations whose braces are not those of the text. A singular may leave the number out."""
    found = []
    for one in catalogue:
        wanted = set().union(*map(_braces, _forms(one.id)))
        for said in filter(None, _forms(one.string)):
            lacks = wanted - _braces(said) - ({"count"} if one.pluralizable else set())
            if _braces(said) - wanted or lacks:
                found.append(one)
    return found


def _forms(texts: str | tuple[str, ...]) -> tuple[str, ...]:
    return texts if isinstance(texts, tuple) else (texts,)


def _braces(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
