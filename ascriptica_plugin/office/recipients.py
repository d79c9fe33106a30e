"""Reads people as mail programs write them: `"Alt, Ines" <ines@…>, Juri Berg <juri@…>; ann@…`."""

import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import parseaddr, quote

from ..shared.language import Marked, t
from . import names

HEADING = re.compile(r"^\s*(?:to|b?cc|an|(?:blind)?kopie|à|cci|para|cco|кому|копия)\s*:", re.IGNORECASE)
"""What stands before the recipients of a mail."""

A_PERSON = re.compile(r'(?P<name>(?:"(?:\\.|[^"\\])*"|[^<>"])*)<(?P<email>[^<>]*)>')

CURLY = re.compile(r"""(?:[“„«»‟](?P<curly>[^<>"“”„«»‟]*)[“”»«]|(?<![^\s,;])'(?P<plain>[^<>"']*)')(?=\s*<)""")
"""A whole name in typographic quotation marks, which mean nothing in a mail. Some programs write them in place of the
ones that are typed."""

DOUBLED = re.compile(r'"([^"<>]*)""([^"<>]+)""([^"<>]*)"')
"""Quotation marks within quotes as spreadsheets write them."""

IN_A_ROW = re.compile(
    r"(?P<name>[^@]*?)(?:[/=-]*[\s|–—][\s|/=–—-]*|(?<=\s)[(\[{])"
    r"(?:mailto:)?(?P<email>[^\s@()\[\]{}|/–—]+@[^\s@()\[\]{}|/–—]+)[)\]}]?"
)
"""A name and an email with nothing but a space, a dash or (brackets) between them.

Without a space, a hyphen is a part of the email.
"""

MOST_WORDS = 4
"""With more words than this before an email, it may be a sentence."""

NAME_FIRST: Marked[str] = "More than an email. Write a name and the email in <brackets>: Kim Lee <kim@example.org>."
TAKE_OFF: Marked[str] = "Remove what comes after the email: “{text}”."
MORE_THAN_ONE: Marked[str] = (
    "More than one email. Write one person on each line, or each as a name and the email in <brackets>."
)
PUT_IN_QUOTES: Marked[str] = "Put names with a comma in double quotes, or people on lines of their own."


def split(text: str, signs: str) -> list[str]:
    """The parts between these signs, without blank ones; what stands in quotes or brackets is not split.

    Raises ValueError if a quote or bracket is not closed.
    """
    parts, start, closes = [], 0, ""
    for at, sign in enumerate(text):
        if closes:
            # A mark within quotes is written \".
            closes = "" if sign == closes and (at == 0 or text[at - 1] != "\\") else closes
        elif sign in '"<(' and not (sign == '"' and at > start and text[at - 1].isalnum()):
            closes = {'"': '"', "<": ">", "(": ")"}[sign]
        elif sign in signs:
            parts.append(text[start:at].strip())
            start = at + 1
    if closes:
        raise ValueError(t("A {sign} is missing.", sign=closes))
    return [part for part in [*parts, text[start:].strip()] if part]


def people_in(text: str) -> list[str]:
    """The parts of a line with addresses in <brackets>, one for each person. Raises ValueError with a sentence."""
    found: list[str] = []
    text = CURLY.sub(lambda one: f'"{one["curly"] or one["plain"] or ""}"', text)
    text = DOUBLED.sub(r'"\1\\"\2\\"\3"', text)
    for part in split(text, ";"):
        one = A_PERSON.fullmatch(part)
        # Some programs write names with a comma without quotes: then only semicolons stand between people.
        found += [part] if one and "@" not in _outside_quotes(one["name"]) else split(part, ",")
        if one and '"' not in one["name"] and names.may_be_two(one["name"]):
            raise ValueError(t("It is not clear who is who. {hint}", hint=t(PUT_IN_QUOTES)))
    if len(found) > 1 and any("@" not in part for part in found):
        raise ValueError(t("It is not clear who is who. {hint}", hint=t(PUT_IN_QUOTES)))
    return found


def read(part: str) -> tuple[str, str]:
    """The name and the email of one person; without a name, it is blank. Raises ValueError with a sentence."""
    one = A_PERSON.fullmatch(part)
    if one is None and (more := re.fullmatch(rf"{A_PERSON.pattern}(?P<more>[^<>@]+)", part)):
        raise ValueError(t(TAKE_OFF, text=more["more"].strip()[:60]))
    if one is None and re.search("[<>]", part):
        raise ValueError(t("It is not clear who is who. {hint}", hint=t(PUT_IN_QUOTES)))
    if one is None:
        return _without_brackets(part)
    email = one["email"].strip().removeprefix("mailto:")
    name = one["name"].strip()
    _check_colon(_outside_quotes(name))
    # The parser takes a comma without quotes for the end of an address.
    name = name if '"' in name else f'"{quote(name)}"'
    name, _ = parseaddr(f"{name} <x@example.org>")
    name = _decoded(name).strip(" \"',;\t")
    return "" if name.lower() == email.lower() else name, email


def _without_brackets(part: str) -> tuple[str, str]:
    part = part.strip().removeprefix("mailto:")
    if re.match(r"\S+@\S+\s*\(", part):
        name, email = parseaddr(part)
        return name.strip(), email.strip()
    if one := IN_A_ROW.fullmatch(part):
        _check_colon(one["name"])
        if len(one["name"].split()) <= MOST_WORDS:
            return one["name"].strip(" \"'"), one["email"]
    if len(re.findall(r"\S@\S", part)) > 1:
        raise ValueError(t(MORE_THAN_ONE))
    if re.search(r"\s", part):
        raise ValueError(t(NAME_FIRST))
    return "", part


def _check_colon(name: str) -> None:
    if ":" in name:
        raise ValueError(t("Remove what comes before the colon."))


def _outside_quotes(text: str) -> str:
    return re.sub(r'"(?:\\.|[^"\\])*"', "", text)


def _decoded(name: str) -> str:
    """A name that stands in a mail's source as =?UTF-8?Q?=C3=89mile?=."""
    try:
        return str(make_header(decode_header(name))) if "=?" in name else name
    except (MessageError, LookupError, ValueError):
        return name


def bare(text: str) -> Iterator[str]:
    """Each address, if the text has nothing but addresses; else nothing."""
    parts = re.split(r"[\s,;，；、]+", text.strip(" ,;，；、\t"))
    parts = [part.removeprefix("mailto:") for part in parts]
    return iter(parts if all(part.count("@") == 1 and not re.search('[<>"()|]', part) for part in parts) else [])
