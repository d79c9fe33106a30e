"""Where somebody is named in texts that are not their own: in the log, in imports, in what Canvas said of others.

Letters are compared whatever their case, in every alphabet: a database that lowers ASCII only finds what may fit, and
what fits is decided here.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from ..tables.columns import change

AT_ONCE = 500

OTHER_LETTERS = re.compile(r"(?:.?[\u0300-\u036f]|[^\x00-\x7f])+")
"""What a database may take for something else than its capitals, or than the same letter in two signs."""


def fold(text: str) -> str:
    """The text without the difference between capitals and small letters, or between two codings of one letter."""
    return unicodedata.normalize("NFC", text.casefold())


def saying(
    session: Session,
    column: InstrumentedAttribute,
    texts: Collection[str],
    *which: ColumnElement[bool],
    whole: bool = False,
) -> set[int]:
    """The ids of the rows, out of those that the conditions pick, whose column has one of the texts in it; or is one,
    if `whole`. A text that is part of a longer word or address is not meant."""
    number, found = column.class_.id, set()
    for text in texts:
        parts = [
            re.sub("([%_/])", r"/\1", part) for part in OTHER_LETTERS.split(unicodedata.normalize("NFC", text.lower()))
        ]
        pattern = "%".join(parts if whole else ["", *parts, ""])
        means = re.compile(rf"(?<![\w.+-]){re.escape(fold(text))}(?![\w-]|\.\w)")
        fits = means.fullmatch if whole else means.search
        may_fit = func.lower(column).like(pattern, escape="/")
        rows = session.execute(select(number, column).where(*which, may_fit))
        found |= {row_id for row_id, value in rows if fits(fold(value))}
    return found


def put(session: Session, column: InstrumentedAttribute, ids: Iterable, value: str | None) -> None:
    """Give the column of these rows that value."""
    ids = sorted(ids)
    for at in range(0, len(ids), AT_ONCE):
        these = update(column.class_).where(column.class_.id.in_(ids[at : at + AT_ONCE])).values({column.key: value})
        change(session, these)


def names_one(text: str, words: Collection[str]) -> bool:
    """Whether one of the words is in the text, as in a file's name: also without accents, and in a longer word."""
    plain = _without_accents(text)
    return any(_without_accents(word) in plain for word in words)


def words_of(name: str, emails: Collection[str]) -> set[str]:
    """What somebody may be called by in the name of a file: each word of the name, and of the emails before the @."""
    told = [name, *(email.partition("@")[0] for email in emails)]
    words = {word for text in told for word in re.findall(r"[^\W\d_]+", text)}
    # One letter alone is an initial; one sign of another script is a name.
    return {word for word in words if len(word) > 1 or not word.isascii()}


def _without_accents(text: str) -> str:
    parts = unicodedata.normalize("NFKD", fold(text))
    return "".join(sign for sign in parts if not unicodedata.combining(sign))
