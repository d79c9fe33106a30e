"""What can stand between a registration and Canvas: for each cause who acts, what we do, and what people read.

Text and policy only; delivery names the cause, the ledger keeps it, pages show it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """`heals_itself`: one of everything held for it tries again now and then, and its success releases the rest.

    `of_one`: it concerns one person at a time, though many may have it. `title`, `remedy` are for administrators
    (`{detail}` is Canvas's or our own words), `participant` for participants.
    """

    title: str
    remedy: str
    participant: str
    heals_itself: bool = True
    of_one: bool = False


SOON = "Your place is safe. We are adding you to Canvas and keep trying by ourselves."
OFFICE = "Your place is safe. The office has to sort something out in Canvas before you can get in."

CAUSES: dict[str, Cause] = {
    "canvas_down": Cause(
        "Canvas is not answering",
        "{detail} Nothing to do here: registrations go on, and everything waiting is sent when Canvas is back.",
        "Your place is safe. Canvas is not answering at the moment; you will be added as soon as it is back.",
    ),
    "token_dead": Cause(
        "Canvas no longer accepts the token",
        "{detail} Make a new token in Canvas and paste it into Course Settings; everything waiting is then sent.",
        OFFICE,
    ),
    "token_unreadable": Cause(
        "The saved token can't be read any more",
        "The key that encrypted it is gone. Paste the token into Course Settings again.",
        OFFICE,
    ),
    "permission_missing": Cause(
        "The token's owner may not do this in Canvas",
        "{detail} Give the token's owner the permission “{scope}” in Canvas (Admin → Permissions).",
        OFFICE,
    ),
    "root_id_wrong": Cause(
        "Canvas does not know the root account",
        "{detail} Check the Canvas root ID in Course Settings.",
        OFFICE,
    ),
    "course_missing": Cause(
        "The Canvas course does not exist",
        "Canvas course {scope} was deleted, or the token may not see it. Associate our course with another one.",
        OFFICE,
    ),
    "section_missing": Cause(
        "The Canvas section does not exist",
        "Section {scope} was deleted in Canvas. Associate our course with another section.",
        OFFICE,
    ),
    "user_missing": Cause(
        "The Canvas user was deleted",
        "{detail} Restore the user in Canvas, or correct the participant's SIS ID or email.",
        OFFICE,
        of_one=True,
    ),
    "course_concluded": Cause(
        "The Canvas course is concluded",
        "Canvas takes nobody into a concluded course. Move the end date of Canvas course {scope}, or un-conclude it.",
        OFFICE,
    ),
    "who_is_it": Cause(
        "More than one Canvas user could be this person",
        "Choose who it is, or that it is none of them. {detail}",
        OFFICE,
        of_one=True,
    ),
    "no_account": Cause(
        "Has no Canvas user",
        "Course Settings say that we don't create users. Create one in Canvas with this email as login, and we find "
        "it; or let us create users.",
        "Your place is safe. The office has to make a Canvas account for you before you can get in.",
        of_one=True,
    ),
    "found_there": Cause(
        "Was enrolled in Canvas before registering here",
        "This enrollment was there before us, so a withdrawal does not remove it. Decide whether it stays.",
        "You have withdrawn. You were in the Canvas course before; the office decides whether you stay in it.",
        heals_itself=False,
        of_one=True,
    ),
    "refused": Cause(
        "Canvas refused",
        "{detail} Put right what Canvas names, then try again.",
        OFFICE,
    ),
    "our_fault": Cause(
        "Something unforeseen went wrong on our side",
        "The details are in the worker's log. We keep trying; tell whoever runs this server if it stays.",
        SOON,
    ),
}


def remedy(cause: str, scope: str = "", detail: str | None = None) -> str:
    """The administrator's sentence for a cause, filled in."""
    return CAUSES[cause].remedy.format(scope=scope, detail=detail or "").strip()
