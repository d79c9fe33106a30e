"""Passwords: what one may be, and how it is kept. Knows neither Flask nor the tables."""

import functools
import unicodedata

from werkzeug.security import check_password_hash, generate_password_hash
from zxcvbn import zxcvbn

SHORTEST, LONGEST = 10, 200

METHOD = "scrypt:32768:8:3"
"""As hard as OWASP asks (N=2^17, r=8, p=1), in a quarter of the memory: 32 MB while one is checked."""

_JUDGED = 72
"""zxcvbn takes no more characters; a long password is at least as good as its beginning."""


def hash_of(password: str) -> str:
    """What is kept instead of the password."""
    return generate_password_hash(_normal(password), METHOD)


def fits(password: str, kept: str | None) -> bool:
    """Whether it is the password that was kept; as slow where there is none, which fits nothing."""
    right = check_password_hash(kept or _nobodys(), _normal(password))
    return right and kept is not None


def is_outdated(kept: str) -> bool:
    """Whether it was kept in another way than passwords are today."""
    return not kept.startswith(f"{METHOD}$")


def check(password: str, *own_words: str) -> None:
    """Raises ValueError, whose text is a sentence, for a password that is too short, too long or easy to guess.

    `own_words` are what a stranger would try first: the person's name and email.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"Choose a password of {SHORTEST} to {LONGEST} characters.")
    own_words = tuple(word[:300] for word in own_words)
    words = [part for word in own_words for part in (word, *word.replace("@", " ").replace(".", " ").split())]
    # Fewer than a million guesses: every common password, and what people make of one.
    if zxcvbn(_normal(password)[:_JUDGED], user_inputs=["ascriptica", *words])["score"] < 2:
        raise ValueError("That password is too easy to guess. Choose another, for example four words that don't match.")


def _normal(password: str) -> str:
    """The same password is typed as other characters on other keyboards."""
    return unicodedata.normalize("NFKC", password)


@functools.cache
def _nobodys() -> str:
    return generate_password_hash("nobody's", METHOD)
