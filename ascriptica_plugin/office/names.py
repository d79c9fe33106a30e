"""Names: what one may be, and whether two are the same.

Each `read_` function returns the tidy form or raises ValueError, whose text is a sentence for the person who typed it.
"""

import re
import unicodedata

from ..shared.language import Marked, t
from ..tables.folding import fold
from ..tables.office import Participant
from .emails import INVISIBLE, as_compared

CONTROLS: re.Pattern[str] = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that control a terminal or the direction of text, and don't belong in a name."""


AROUND = re.compile(rf"^(?:{INVISIBLE.pattern}|\s)+|(?:{INVISIBLE.pattern}|\s)+$")


_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters that Unicode counts as letters or symbols, but that show nothing: Hangul fillers and the Braille blank."""


def shows(text: str) -> bool:
    """Whether a text has a visible character; one that only joins, marks or separates letters doesn't count."""
    return any(unicodedata.category(sign)[0] in "LNPS" and sign not in _BLANKS for sign in text)


def read_name(typed: str) -> str:
    """A name of 1 to 255 characters, at least one of them visible, without control characters, in the form NFC, with
    one plain space between words."""
    name = AROUND.sub("", unicodedata.normalize("NFC", typed))
    if not shows(name):
        raise ValueError(t("Enter a name."))
    if len(name) > 255:
        raise ValueError(t("Keep the name to 255 characters."))
    if CONTROLS.search(name):
        raise ValueError(t("Remove the line breaks and control characters from the name."))
    if _is_ruined(name):
        raise ValueError(
            t("Letters of the name were lost when it was saved or copied. Enter it again, or save the file as UTF-8.")
        )
    return re.sub(r"\s+", " ", name)


def _is_ruined(name: str) -> bool:
    """Whether letters were lost, as in J�rg, or misread, as in JÃ¶rg."""
    try:
        return "\ufffd" in name or (not name.isascii() and bool(name.encode("cp1252").decode()))
    except UnicodeError:
        return False


LAST_FIRST = re.compile(r"((?:[^\W\d_]|[ .'’-])+), *((?:[^\W\d_]|[ .'’-])+)")


NO_LAST_NAME = re.compile(r"\b(?:and|dipl|dr|et|ing|mrs?|ms|prof|und|y)\b")


NO_FIRST_NAME = re.compile(
    rf"{NO_LAST_NAME.pattern}|\b(?:ba|bsc|cpa|dds|dvm|edd|esq|gmbh|i[iv]|iii|inc|jd|jr|junior|ll[bcm]|ltd|ma|mag|mba|md"
    r"|mph|msc|msw|phd|rn|sc|sen|sr)\b"
)
"""Words next to a comma which show that it does not stand between a last name and a first name."""


def read_listed_name(typed: str) -> str:
    """As `read_name`, for lists and files, where a name may be written Alt, Ines."""
    return first_name_first(read_name(typed))


def first_name_first(name: str) -> str:
    """Turn Alt, Ines into Ines Alt, unless the text may be something else."""
    if (parts := LAST_FIRST.fullmatch(name)) is None:
        return name
    last, first = (part.strip() for part in parts.groups())
    is_a_name = not NO_LAST_NAME.search(_words(last)) and not NO_FIRST_NAME.search(_words(first))
    # With more words it may be a department.
    return f"{first} {last}" if is_a_name and len(last.split()) <= 4 and len(first.split()) <= 3 else name


def _words(part: str) -> str:
    return fold(part).replace(".", "")


SMALL_WORD = re.compile(
    "af|al|am|av|bin|da|das|de|degli|dei|del|della|den|der|des|di|do|dos|du|el|ibn|la|le|les|los|of|op|san|santa|st|ten"
    "|ter|the|van|vom|von|zu|zum|zur"
)
"""A word of a last name that is not a name on its own."""


def may_be_two(name: str) -> bool:
    """Whether a comma stands between what may be whole names: Ines Alt, Juri Berg. If fewer than two words before or
    after the comma are names, it is one person: Alt, Ines Maria, or somebody with a title."""
    return sum(_may_be_whole(part) for part in re.split("[,;]", name)) > 1


def _may_be_whole(part: str) -> bool:
    no_names = (SMALL_WORD, NO_LAST_NAME)
    words = [word for word in _words(part).split() if not any(one.fullmatch(word) for one in no_names)]
    return len(words) > 1 and any(len(word) > 1 and not NO_FIRST_NAME.fullmatch(word) for word in words)


MAY_BE_TWO: Marked[str] = (
    "The name may be that of two people. Write one person in each row. If it is one person, leave the comma out, or "
    "call the column “Last name, First name”."
)


EACH_THEIR_OWN: Marked[str] = (
    "If these are two people, such as a family, each needs an email of their own: Canvas tells people apart by it."
)


def is_named(participant: Participant) -> bool:
    """Whether a name is known; somebody registered by email alone has the email as their name."""
    return as_compared(participant.name) != as_compared(participant.email)


def same_name(one: str, other: str) -> bool:
    """Whether two names have the same words in any order: Kim Lee and Lee, Kim. Case, accents and signs don't count."""
    return sorted(re.findall(r"\w+", fold(one))) == sorted(re.findall(r"\w+", fold(other)))


def check_name(participant: Participant, name: str, how_to_rename: str) -> None:
    """Raise ValueError if the participant, who was found by an email, has a different name from this one."""
    if is_named(participant) and not same_name(participant.name, name):
        raise ValueError(
            t(
                "Here, the email {email} belongs to {name}. If their name has changed, {how_to}. {hint}",
                name=participant.name,
                email=participant.email,
                how_to=t(how_to_rename),
                hint=t(EACH_THEIR_OWN),
            )
        )
