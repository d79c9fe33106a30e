"""Texts as people look for them and sort them: without case and accents, in every alphabet and on every database.

SQLite's lower() knows ASCII only, so Python folds the text once, when it is stored.
"""

import unicodedata
from contextlib import suppress

LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that Unicode does not take apart, and that people type as these."""


def fold(text: str) -> str:
    """The text without case, accents and invisible characters, with single spaces: Émile → emile, Иван → иван."""
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = "".join(sign for sign in apart if unicodedata.category(sign) not in ("Mn", "Cf")).translate(LETTERS)
    return " ".join(text.lower().split())


def sorted_by(name: str) -> str:
    """What a name is sorted by: its first 255 characters, folded, without signs before the first letter or digit."""
    folded = fold(name)
    start = next((at for at, sign in enumerate(folded) if sign.isalnum()), 0)
    return folded[start : start + 255]


def found_by(name: str, email: str, sis_user_id: str | None) -> str:
    """The text in which a participant is searched for. Each part is on its own line, so no word matches across two."""
    return "\n".join(map(fold, (name, email, _as_pronounced(email), sis_user_id or "")))


def _as_pronounced(email: str) -> str:
    """An email whose domain is in ASCII, with the domain as people write it; blank for any other."""
    domain = email.rpartition("@")[2]
    with suppress(UnicodeError):
        return domain.encode("ascii").decode("idna") if "xn--" in domain.lower() else ""
    return ""
