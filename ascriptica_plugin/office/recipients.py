"""Reads people as mail programs write them: `"Alt, Ines" <ines@…>, Juri Berg <juri@…>; ann@…`. Knows nothing else."""

import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import parseaddr, quote

from ..shared.language import Marked, t

HEADING = re.compile(r"^\s*(?:to|cc|bcc|an|kopie|à|para|кому|копия)\s*:", re.IGNORECASE)
"""What stands before the recipients of a mail."""

A_PERSON = re.compile(r'(?P<name>(?:"(?:\\.|[^"\\])*"|[^<>"])*)<(?P<email>[^<>]*)>')

PUT_IN_QUOTES: Marked[str] = "Put names with a comma in double quotes, or people on lines of their own."


def split(text: str, signs: str) -> list[str]:
    """The parts between these signs, without blank ones; what stands in quotes or brackets is not split.

    Raises ValueError where one of them is not closed.
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
    for part in split(HEADING.sub("", text, count=1), ";"):
        one = A_PERSON.fullmatch(part)
        # Some programs write names with a comma without quotes: then only semicolons stand between people.
        found += [part] if one and "@" not in _outside_quotes(one["name"]) else split(part, ",")
    if len(found) > 1 and any("@" not in part for part in found):
        raise ValueError(t("It is not clear who is who. {hint}", hint=t(PUT_IN_QUOTES)))
    return found


def read(part: str) -> tuple[str, str]:
    """The name and the email of one person, the name blank where there is none. Raises ValueError with a sentence."""
    one = A_PERSON.fullmatch(part)
    if one is None and re.search("[<>]", part):
        raise ValueError(t("It is not clear who is who. {hint}", hint=t(PUT_IN_QUOTES)))
    if one is None:
        name, email = parseaddr(part) if "(" in part else ("", part)
        return name.strip(), email.strip()
    email = one["email"].strip().removeprefix("mailto:")
    name = one["name"].strip()
    if ":" in _outside_quotes(name):
        raise ValueError(t("Take what stands before the colon off."))
    # The parser takes a comma without quotes for the end of an address.
    name = name if '"' in name else f'"{quote(name)}"'
    name, _ = parseaddr(f"{name} <x@example.org>")
    name = _decoded(name).strip(" \"',;\t")
    return "" if name.lower() == email.lower() else name, email


def _outside_quotes(text: str) -> str:
    return re.sub(r'"(?:\\.|[^"\\])*"', "", text)


def _decoded(name: str) -> str:
    """A name that stands in a mail's source as =?UTF-8?Q?=C3=89mile?=."""
    try:
        return str(make_header(decode_header(name))) if "=?" in name else name
    except (MessageError, LookupError, ValueError):
        return name


def bare(text: str) -> Iterator[str]:
    """Nothing but addresses: each of them; nothing where there is something else."""
    parts = re.split(r"[\s,;]+", text.strip(" ,;\t"))
    return iter(parts if all(part.count("@") == 1 and not re.search('[<>"()]', part) for part in parts) else [])
