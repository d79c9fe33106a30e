"""What somebody did by hand in Canvas to an enrollment, in words."""

from ..shared.language import Marked, t

HANDS: Marked[dict[str, tuple[str, str]]] = {
    "deleted": ("Removed in Canvas by hand", "You were removed from the Canvas course, in Canvas itself."),
    "completed": (
        "Concluded in Canvas by hand: can still read",
        "Your enrollment was concluded. You can still read the Canvas course, and can't take part any more.",
    ),
    "inactive": ("Deactivated in Canvas by hand", "Your access to the Canvas course was switched off in Canvas."),
    "rejected": ("Said no to the invitation", "You said no to the invitation in Canvas."),
    "moved": ("Moved in Canvas by hand", "You were moved in Canvas itself."),
}
"""What was done by hand in Canvas, by `cause_scope` of a seat: the words for the office, and for the participant."""


def by_hand(scope: str) -> str:
    """The words for the office, for any act."""
    return t(HANDS[scope][0]) if scope in HANDS else t("Changed in Canvas by hand")
