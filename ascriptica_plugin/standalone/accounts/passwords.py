"""Passwords: what one may be, and how it is kept. Knows neither Flask nor the tables."""

import functools
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable

from werkzeug.security import check_password_hash, gen_salt
from zxcvbn import zxcvbn

SHORTEST, LONGEST = 10, 200

GUESSES = 10**9
"""How many guesses a password has to take, at the least, as zxcvbn counts.

One core takes five years for as many of our hashes. Of the 1,717 most common leaked ones that are long enough, 91 of
100 take fewer; of millions that leaked once, half, and with 10**8 only a third. With 10**10, six of 100 made of ten
random letters and digits would be refused as well.
"""

JUDGED = 24
"""How many of its signs are looked at: enough for four words, and one that is made to take long takes about as long as
its hash."""

METHOD = "scrypt:32768:8:3"
"""As hard as OWASP asks (N=2^17, r=8, p=1), in a quarter of the memory: 32 MB while one is checked."""

_GAPS = re.compile(r"[\W_]+")


def hash_of(password: str, salt: str = "") -> str:
    """What is kept instead of the password, as Werkzeug writes it; with a salt of its own unless one is given."""
    return _hash(password, f"{METHOD}${salt or gen_salt(16)}")


def _hash(password: str, method_and_salt: str) -> str:
    method, salt = method_and_salt.split("$")
    n, r, p = (int(number) for number in method.removeprefix("scrypt:").split(":"))
    cost = {"n": n, "r": r, "p": p, "maxmem": 132 * n * r * p}
    return f"{method_and_salt}${hashlib.scrypt(_normal(password).encode(), salt=salt.encode(), **cost).hex()}"


def fits(password: str, kept: str | None) -> bool:
    """Whether it is the password that was kept; as slow where there is none, which fits nothing."""
    right = check_password_hash(kept or _nobodys(), _normal(password))
    return right and bool(kept)


def fitting(password: str, kept: Iterable[str]) -> str | None:
    """The first of these hashes that it fits. For those with one salt it is hashed once, however many there are."""
    made: dict[str, str] = {}
    for one in kept:
        begins = one.rpartition("$")[0]
        if begins not in made:
            made[begins] = _hash(password, begins)
        if hmac.compare_digest(made[begins], one):
            return one
    return None


def is_outdated(kept: str) -> bool:
    """Whether it was kept in another way than passwords are today."""
    return not kept.startswith(f"{METHOD}$")


def check(password: str, *own_words: str) -> None:
    """Raises ValueError, whose text is a sentence, for a password that is too short, too long or easy to guess.

    Easy are those that are common, or made of common words, names, dates, rows of keys and repetitions; those of very
    few signs; and those with little besides `own_words`, which a stranger would try first: the person's name and email.
    """
    password = _normal(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"Choose a password of {SHORTEST} to {LONGEST} characters.")
    rest = _beyond(password, own_words)[:JUDGED]
    few = len(set(password.casefold())) < SHORTEST // 2
    if few or not rest or zxcvbn(rest)["guesses"] < GUESSES:
        raise ValueError("That password is too easy to guess. Choose another, for example four words that don't match.")


def _beyond(password: str, own_words: tuple[str, ...]) -> str:
    """What is left of it without anybody's own words.

    Told of these, zxcvbn takes each next one for something that nobody guesses, and is content with a full name and a
    year.
    """
    parts = {part for word in ("ascriptica", "canvas", *own_words) for part in _GAPS.split(word[:300])}
    longest_first = sorted((part for part in parts if len(part) > 2), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), "", password, flags=re.IGNORECASE)


def _normal(password: str) -> str:
    """The same password is typed as other characters on other keyboards."""
    # Of many marks that stand in no order it takes time with their square; what is so long is no password of ours.
    return password if len(password) > 4 * LONGEST else unicodedata.normalize("NFKC", password)


@functools.cache
def _nobodys() -> str:
    return hash_of("nobody's")
