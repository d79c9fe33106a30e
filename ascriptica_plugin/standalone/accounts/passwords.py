"""Passwords: which are allowed, and how they are hashed. Uses neither Flask nor the tables."""

import functools
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable

from werkzeug.security import check_password_hash, gen_salt
from zxcvbn import zxcvbn

from ...shared.language import t

SHORTEST, LONGEST = 10, 200

GUESSES = 10**9
"""The fewest guesses that a password must take, as zxcvbn counts.

One core needs five years to compute this many of our hashes. Of the 1,717 most common leaked passwords that are long
enough, this refuses 91 in 100. Of millions that leaked once, it refuses half; 10**8 would refuse a third. 10**10 would
also refuse six in 100 passwords of ten random letters and digits.
"""

JUDGED = 24
"""How many characters are checked: enough for four words, and few enough that no password takes much longer to check
than to hash."""

METHOD = "scrypt:32768:8:3"
"""As hard as OWASP asks (N=2^17, r=8, p=1), in a quarter of the memory: 32 MB while one is checked."""

_GAPS = re.compile(r"[\W_]+")


def hash_of(password: str, salt: str = "") -> str:
    """The hash of the password in Werkzeug's format, with a random salt unless one is given."""
    return _hash(password, f"{METHOD}${salt or gen_salt(16)}")


def _hash(password: str, method_and_salt: str) -> str:
    method, salt = method_and_salt.split("$")
    n, r, p = (int(number) for number in method.removeprefix("scrypt:").split(":"))
    cost = {"n": n, "r": r, "p": p, "maxmem": 132 * n * r * p}
    return f"{method_and_salt}${hashlib.scrypt(_normal(password).encode(), salt=salt.encode(), **cost).hex()}"


def fits(password: str, kept: str | None) -> bool:
    """Whether the password matches the hash. Without a hash it never does, but checking takes as long."""
    right = check_password_hash(kept or _nobodys(), _normal(password))
    return right and bool(kept)


def fitting(password: str, kept: Iterable[str]) -> str | None:
    """The first of the hashes that the password matches. It is hashed only once for each salt."""
    made: dict[str, str] = {}
    for one in kept:
        begins = one.rpartition("$")[0]
        if begins not in made:
            made[begins] = _hash(password, begins)
        if hmac.compare_digest(made[begins], one):
            return one
    return None


def is_outdated(kept: str) -> bool:
    """Whether the hash was made with other settings than today's."""
    return not kept.startswith(f"{METHOD}$")


def check(password: str, *own_words: str) -> None:
    """Raise ValueError, whose text is a sentence, for a password that is too short, too long or easy to guess.

    These are easy to guess: common passwords; those made of common words, names, dates, rows of keys and repetitions;
    those with very few different characters; and those with little besides `own_words`, the person's name and email,
    which a stranger would try first.
    """
    password = _normal(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(
            t("Choose a password of {shortest} to {longest} characters.", shortest=SHORTEST, longest=LONGEST)
        )
    rest = _beyond(password, own_words)[:JUDGED]
    few = len(set(password.casefold())) < SHORTEST // 2
    if few or not rest or zxcvbn(rest)["guesses"] < GUESSES:
        raise ValueError(
            t("That password is too easy to guess. Choose another, for example four words that don't match.")
        )


def _beyond(password: str, own_words: tuple[str, ...]) -> str:
    """What is left of the password without the person's own words.

    zxcvbn has an option for such words, but rates a password of several of them too high: it accepts a full name and a
    year.
    """
    parts = {part for word in ("ascriptica", "canvas", *own_words) for part in _GAPS.split(word[:300])}
    longest_first = sorted((part for part in parts if len(part) > 2), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), "", password, flags=re.IGNORECASE)


def _normal(password: str) -> str:
    """One form of the password, since keyboards type the same letters as different characters."""
    # Normalizing takes time that grows with the square of the combining marks; no password of ours is so long.
    return password if len(password) > 4 * LONGEST else unicodedata.normalize("NFKC", password)


@functools.cache
def _nobodys() -> str:
    return hash_of("nobody's")
