"""The language of pages and mails. The texts in the code are English; `locale/` has the other languages.

The web process sets the language for each request, the worker for each mail. Commands and process logs are in English.
"""

import functools
import gettext
import importlib.resources
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, TypeVar

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from markupsafe import escape

T = TypeVar("T")

SOURCE = "en"
"""The language of the texts in the code."""

LOCALE = importlib.resources.files(__package__.rpartition(".")[0]) / "locale"

LANGUAGES = (SOURCE, *sorted(file.name.removesuffix(".po") for file in LOCALE.iterdir() if file.name.endswith(".po")))
"""The codes of all languages: English, and one for each file in `locale/`."""

_present: ContextVar[str | None] = ContextVar("ascriptica_language", default=None)


def present() -> str:
    """The code of the language in use now, one of `LANGUAGES`."""
    return _present.get() or SOURCE


def spoken() -> str | None:
    """The code of the language in which somebody is addressed; None in a command, and in the worker between mails."""
    return _present.get()


def speak(language: str | None) -> str | None:
    """Use this one of `LANGUAGES` from now on. Returns what `spoken` was before."""
    before = _present.get()
    _present.set(language)
    return before


@contextmanager
def in_language(language: str | None) -> Iterator[None]:
    """Use this one of `LANGUAGES` within the block; None: as if nobody was addressed."""
    before = speak(language)
    try:
        yield
    finally:
        speak(before)


def nearest(wanted: str | None) -> str | None:
    """The one of `LANGUAGES` for a code such as `de-AT` or `de_AT`; None if there is none."""
    code = (wanted or "").replace("_", "-").lower()
    return next((one for one in (code, code.partition("-")[0]) if one in LANGUAGES), None)


@functools.cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The translations of a language, read once per process."""
    if language == SOURCE:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with (LOCALE / f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def mark(message: str) -> str:
    """The message itself: for a text in a place where the language is not known yet. It is shown with `t`."""
    return message


Marked = Annotated[T, "texts that are shown with t"]
"""The same for many texts, by their type: `WORDS: Marked[dict[str, str]] = {...}`. Keys are not such texts."""


def t(message: str, /, **values: Any) -> str:
    """The message in the present language, with the values in its braces: `t("Withdraw from {course}?", course=title)`.

    If a value is Markup, so is the result, and the rest is escaped. A message that is not in the catalogue is returned
    as it is. Without values nothing is filled in.
    """
    text = catalogue(present()).gettext(message) if message else message
    return _filled(text, values) if values else text


def tn(one: str, many: str, count: int, /, **values: Any) -> str:
    """`one` or `many` in the present language, by the number: `tn("{count} place left", "{count} places left", 3)`.

    `{count}` is filled with the number as the language writes it, unless it is among the values.
    """
    return _filled(catalogue(present()).ngettext(one, many, count), {"count": number(count)} | values)


def _filled(text: str, values: dict[str, Any]) -> str:
    if any(hasattr(value, "__html__") for value in values.values()):
        return escape(text).format(**values)
    return text.format(**values)


def number(value: int) -> str:
    """A whole number as the present language writes it: 20,000."""
    return _number(value, present())


@functools.lru_cache(10_000)
def _number(value: int, language: str) -> str:
    # Babel is slow, and a page of counts has hundreds of numbers, most of them small.
    return format_decimal(value, locale=language)
