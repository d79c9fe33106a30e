"""The office's rules: people, courses, registrations, answers to questions, and erasing.

Uses the tables and the ledger, but not `sync`, Flask, the Canvas client or RQ. The caller commits, except when a file
is imported, or when the worker erases people or looks for mails.

The names exported here are for hosts with code of their own. Every function takes the host's session first, and none
commits: a call takes effect, and the worker is woken, when the host commits.
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
