"""The office's rules: people, courses, registrations, answers to questions, and erasing.

Uses the tables and the ledger; not `sync`, no Flask, no Canvas client, no RQ. The caller commits, except where a file
is imported, or the worker erases people or looks for mails.

What is named here is for hosts with code of their own. The first argument is the host's session. Nothing commits: it
takes effect, and the worker is woken, when the host commits.
"""

from .hosts import (
    CourseAccess,
    PersonResult,
    access_of,
    associate,
    erase_person,
    move,
    register,
    results_of,
    undo_withdrawal,
    update_person,
    withdraw,
)
from .people import Person
from .places import NotPossible

__all__ = [
    "CourseAccess",
    "NotPossible",
    "Person",
    "PersonResult",
    "access_of",
    "associate",
    "erase_person",
    "move",
    "register",
    "results_of",
    "undo_withdrawal",
    "update_person",
    "withdraw",
]
