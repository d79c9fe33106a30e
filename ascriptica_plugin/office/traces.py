"""Finds a person's name or email in texts about others: in the activity log, in imports, in Canvas's answers.

Case is ignored in every alphabet. SQLite lowers ASCII only, so the database finds what may fit, and Python decides.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from ..tables.columns import change

AT_ONCE = 500

OTHER_LETTERS = re.compile(r"""(?:.?[\u0300-\u036f]|[^\x00-\x7f]|["\\])+""")
"""Letters that a database may not match with their capitals, or with the same letter written as two characters; and
signs that are escaped where a text is stored as a parameter."""


def fold(text: str) -> str:
    """The text in one case and one Unicode form, for comparing."""
    return unicodedata.normalize("NFC", text.casefold())


def saying(
    session: Session,
    column: InstrumentedAttribute,
    texts: Collection[str],
    *which: ColumnElement[bool],
    whole: bool = False,
) -> set[int]:
    """The ids of the rows whose column contains one of the texts or, if `whole`, is one of them.

    `which` are conditions on the rows. A text inside a longer word or address doesn't count.
    """
    number, found = column.class_.id, set()
    for text in texts:
        parts = [
            re.sub("([%_/])", r"/\1", part) for part in OTHER_LETTERS.split(unicodedata.normalize("NFC", text.lower()))
        ]
        pattern = "%".join(parts if whole else ["", *parts, ""])
        means = _meaning(text)
        fits = means.fullmatch if whole else means.search
        may_fit = func.lower(column).like(pattern, escape="/")
        rows = session.execute(select(number, column).where(*which, may_fit))
        found |= {row_id for row_id, value in rows if fits(fold(value))}
    return found


def says(words: str, texts: Collection[str]) -> bool:
    """Whether the words contain one of the texts, not as a part of a longer word or address."""
    return any(_meaning(text).search(fold(words)) for text in texts)


def _meaning(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.+-]){re.escape(fold(text))}(?![\w-]|\.\w)")


def put(session: Session, column: InstrumentedAttribute, ids: Iterable, value: str | None) -> None:
    """Set the column of the rows with these ids to the value."""
    ids = sorted(ids)
    for at in range(0, len(ids), AT_ONCE):
        these = update(column.class_).where(column.class_.id.in_(ids[at : at + AT_ONCE])).values({column.key: value})
        change(session, these)


def names_one(text: str, words: Collection[str]) -> bool:
    """Whether one of the words is in the text, for example a file's name, even without accents or in a longer word."""
    plain = _without_accents(text)
    return any(_without_accents(word) in plain for word in words)


def words_of(name: str, emails: Collection[str]) -> set[str]:
    """The words that may name somebody in a file's name: those of the name, and of the emails before the @."""
    texts = [name, *(email.partition("@")[0] for email in emails)]
    words = {word for text in texts for word in re.findall(r"[^\W\d_]+", text)}
    # A single ASCII letter is an initial; a single character of another script may be a name.
    return {word for word in words if len(word) > 1 or not word.isascii()}


def _without_accents(text: str) -> str:
    parts = unicodedata.normalize("NFKD", fold(text))
    return "".join(sign for sign in parts if not unicodedata.combining(sign))
