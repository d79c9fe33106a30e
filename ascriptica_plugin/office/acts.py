"""What the entries of the activity log say: a sentence for each act, and the groups in which acts are looked for."""

import re
from collections.abc import Mapping
from typing import TypeVar

from ..shared.language import Marked, mark, t
from ..tables.office import LogEntry

Text = TypeVar("Text", bound=str)

GROUPS: Marked[dict[str, dict[str, str]]] = {
    mark("Registrations"): {
        "registered": "registered[ {whom}] for {course}",
        "joined the waitlist": "[put {whom} on|joined] the waitlist of {course}",
        "withdrew": "withdrew[ {whom}] from {course}",
        "left the waitlist": "[took {whom} off|left] the waitlist of {course}",
        "moved": "moved[ {whom}] to {course}",
        "moved up": "moved {whom} up from the waitlist of {course}",
        "undid": "undid the last change[ of {whom}][ in {course}]",
        "put back": "put[ {whom}] back[ into {course}]",
    },
    mark("Courses"): {
        "made a course": "made the course {course}",
        "changed a course": "changed the course {course}",
        "cancelled": "cancelled {course}",
        "reopened": "reopened {course}",
    },
    mark("Participants"): {
        "added": "added {whom}",
        "corrected": "corrected {whom}",
        "asked to erase": "asked to erase[ {whom}]",
        "erased": "erased[ {whom}]",
    },
    mark("Canvas access"): {
        "enrolled in Canvas": "enrolled {whom} in Canvas",
        "ended in Canvas": "ended the access of {whom} in Canvas",
        "waits": "kept {whom} waiting",
        "parked": "gave up on {whom} until somebody asks",
        "tried again": "tried Canvas again[ for {whom}][ in {course}]",
        "chose": "chose who {whom} is in Canvas",
        "doubted": "doubted who {whom} is in Canvas",
        "noticed a removal": "noticed that somebody had removed {whom} in Canvas",
        "noticed a change": "noticed that somebody had changed the enrollment of {whom} in Canvas",
        "kept": "kept an enrollment of {whom} in Canvas",
        "removed": "removed an enrollment of {whom} in Canvas",
        "left as in Canvas": "left {whom} as in Canvas",
        "asked to read": "asked to read the Canvas course[ of {course}]",
        "had a link mailed": "had Canvas mail {whom} a link to choose a password",
        "mailed no link": "could not have Canvas mail {whom} a link to choose a password",
        "followed": "brought {whom} up to date in Canvas",
    },
    mark("Files"): {
        "imported": "imported a file",
        "exported": "exported[ the data of {whom}][ the roster of {course}]",
        "exported refused rows": "exported the refused rows of a file",
        "exported the log": "exported the activity log",
    },
    mark("Course Settings"): {
        "connected": "connected Canvas",
        "disconnected": "disconnected Canvas",
        "ended the key": "ended the key in Canvas",
        "asked for a proof": "asked for a proof in Canvas",
        "changed settings": "changed Course Settings",
        "discarded settings": "discarded what was typed in Course Settings",
        "switched Canvas on": "switched Canvas on",
        "switched Canvas off": "switched Canvas off",
    },
}
"""The verbs of entries by group, and the sentence that follows the name of the person who did it. A part in brackets is
left out if the entry has nothing for it; the text after a | in the brackets is then used instead. Verbs that are
neither here nor in REWORDED, such as most of those about sign-ins, are themselves the text that is shown."""

BY_THE_WORKER = frozenset(GROUPS["Canvas access"])
"""Acts that the worker does for one person after another."""

REWORDED: Marked[dict[str, str]] = {
    "gave the administrator's role": "gave[ {whom}] the administrator's role",
    "took the administrator's role": "removed the administrator's role[ from {whom}]",
    "took the withdrawal back": "undid the withdrawal[ from {course}]",
    "said passed": "decided that {whom} has passed {course}",
    "said not passed": "decided that {whom} has not passed {course}",
    "missed results": "could not fetch every result[ of {course}]",
}
"""Verbs that belong to no group, and the sentence that is shown instead of them."""

GROUPED = {what: sentence for group in GROUPS.values() for what, sentence in group.items()}
SENTENCES = GROUPED | REWORDED
OTHER = mark("Sign-ins and others")
KINDS = (*GROUPS, OTHER)


def sentence(entry: LogEntry, parts: Mapping[str, Text | None], made_of: type[Text]) -> Text:
    """What was done, to follow the name of who did it; `parts` are `whom` and `course`, each None if there is none.

    They are put in as texts of the type `made_of`, for example with links.
    """
    known = SENTENCES.get(entry.what)
    template = t(known) if known else t(entry.what) + t("[: {whom}][ in {course}]")

    def without(optional: re.Match[str]) -> str:
        said, _, otherwise = optional[1].partition("|")
        return said if all(parts.get(name) for name in re.findall(r"{(\w+)}", said)) else otherwise

    shown = {name: part or made_of(t("somebody")) for name, part in parts.items()}
    return made_of(made_of(re.sub(r"\[([^]]*)\]", without, template)).format(**shown))
