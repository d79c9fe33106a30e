"""What can keep a registration from reaching Canvas: for each cause who acts, what we do, and what people read.

Text and policy only: `sync` names the cause, the ledger stores it, pages show it.
"""

from dataclasses import dataclass

from ..shared.language import Marked, t
from ..shared.said import SENTENCES


@dataclass(frozen=True)
class Cause:
    """`short` is the title in three words. `by_office`: an administrator has to act. `heals_itself`: one of the seats
    held for it tries again now and then, and its success releases the rest.

    `of_one`: it concerns one person at a time, though many people may have it. `asks`: trying again is pointless,
    because only a person's answer helps. `title` and `remedy` are for administrators (`{detail}` is Canvas's answer or
    our own words), `participant` is for participants.
    """

    _title: str
    _short: str
    _remedy: str
    _participant: str
    by_office: bool = True
    heals_itself: bool = True
    of_one: bool = False
    asks: bool = False

    @property
    def title(self) -> str:
        """The heading of the cause, in the present language."""
        return t(self._title)

    @property
    def short(self) -> str:
        """The cause in three words, for lists, in the present language."""
        return t(self._short)

    @property
    def participant(self) -> str:
        """What a participant reads, in the present language."""
        return t(self._participant)

    @property
    def has_detail(self) -> bool:
        """Whether the remedy repeats what Canvas answered."""
        return "{detail}" in self._remedy

    def remedy(self, scope: str = "", detail: str | None = None) -> str:
        """What an administrator can do, filled in."""
        return t(self._remedy, scope=_in_words(scope), detail=detail or "").strip()


SOON: Marked[str] = "Your place is safe. We are adding you to Canvas, and we keep trying automatically."
OFFICE: Marked[str] = "Your place is safe. The office has to sort something out in Canvas before you can get in."

CAUSES: Marked[dict[str, Cause]] = {
    "canvas_down": Cause(
        "Canvas is not answering",
        "Canvas not answering",
        "{detail} You don't have to do anything: people can still register, and everything that waits is sent when "
        "Canvas is back.",
        "Your place is safe. Canvas is not answering at the moment; you will be added as soon as it is back.",
        by_office=False,
    ),
    "takes_no_changes": Cause(
        "Canvas takes no changes at the moment",
        "Canvas takes no changes",
        "Canvas can be read, but carries out no changes: {detail} You don't have to do anything: people can still "
        "register, and everything that waits is sent when Canvas takes changes again.",
        "Your place is safe. Canvas takes no changes at the moment; you will be added as soon as it does.",
        by_office=False,
    ),
    "address_refused": Cause(
        "The Canvas address leads into a private network",
        "Canvas address refused",
        "{detail} The token is not sent there. If Canvas has not moved, ask the person who manages its name in the "
        "DNS. Everything that waits is sent when the name leads to Canvas again.",
        OFFICE,
    ),
    "throttled": Cause(
        "Canvas asks us to slow down",
        "Canvas is busy",
        "Canvas is busy at the moment. You don't have to do anything: everything is being sent, as fast as Canvas "
        "allows.",
        "Your place is safe. Canvas is busy at the moment, so adding you takes a little longer.",
        by_office=False,
    ),
    "token_dead": Cause(
        "Canvas no longer accepts the token",
        "token not accepted",
        "{detail} The token is our key to Canvas. Make a new one there and paste it into Course Settings, which "
        "explain how. Everything that waits is then sent.",
        OFFICE,
    ),
    "key_refused": Cause(
        "Canvas no longer accepts the developer key",
        "developer key not accepted",
        "{detail} In Canvas, under Developer Keys, make sure that the key is still there and ON. Then choose Approve "
        "in Canvas in Course Settings. Everything that waits is then sent.",
        OFFICE,
    ),
    "token_unreadable": Cause(
        "The saved token can't be read any more",
        "token not readable",
        "This server's secret key has changed since it was saved. In Course Settings, paste the token again, or the "
        "developer key's client secret. Everything that waits is then sent.",
        OFFICE,
    ),
    "permission_missing": Cause(
        "The token's owner lacks a permission in Canvas",
        "permission is missing",
        "In Canvas, under Admin → Permissions, the role of the token's owner needs the permission {scope}.",
        OFFICE,
    ),
    "scope_missing": Cause(
        "The developer key lacks a scope",
        "scope is missing",
        "In Canvas, open the developer key, tick {scope} and choose Save. Then choose Approve in Canvas in Course "
        "Settings.",
        OFFICE,
    ),
    "root_id_wrong": Cause(
        "Canvas does not know the root account",
        "root ID wrong",
        "Canvas has no account {scope} any more, or hides it from the token's owner. Check the Canvas root ID in "
        "Course Settings, and that the owner is an administrator there.",
        OFFICE,
    ),
    "course_missing": Cause(
        "The Canvas course does not exist",
        "Canvas course gone",
        "It was deleted in Canvas, or the token's owner may not see it. Restore it there, or open our course and "
        "associate it with another one.",
        OFFICE,
    ),
    "section_missing": Cause(
        "The Canvas section does not exist",
        "Canvas section gone",
        "It was deleted in Canvas. Open our course and choose another section.",
        OFFICE,
    ),
    "user_missing": Cause(
        "The Canvas user was deleted",
        "Canvas user deleted",
        "Restore the user in Canvas, or correct the participant's email or SIS ID here, so that we find the right one.",
        OFFICE,
        of_one=True,
    ),
    "course_concluded": Cause(
        "The Canvas course is concluded",
        "course is concluded",
        "Nobody can be enrolled in a concluded course. In the Canvas course's settings, move its end date or "
        "un-conclude it.",
        OFFICE,
    ),
    "course_unpublished": Cause(
        "Enrolled, but the Canvas course is not published",
        "not published yet",
        "Nobody can enter the Canvas course until somebody publishes it in Canvas.",
        "You are enrolled. The Canvas course is not open yet: you can enter as soon as the teacher publishes it.",
    ),
    "outside_dates": Cause(
        "Enrolled, but the Canvas course's dates keep people out",
        "outside its dates",
        "Nobody can enter the Canvas course now, or when our course begins. Change the dates in Canvas: the section's "
        "if it restricts people to them, otherwise the course's, otherwise the term's.",
        "You are enrolled. The Canvas course is not open at the moment: you can enter between its dates.",
    ),
    "not_looked_up": Cause(
        "The Canvas course could not be found",
        "course not found",
        "Canvas's answer is shown beside each course. Open the course and choose its Canvas course again.",
        SOON,
    ),
    "other_canvas": Cause(
        "Associated in the Canvas used before",
        "in another Canvas",
        "Open each course and associate it again, so that its participants get into the Canvas in use.",
        OFFICE,
        heals_itself=False,
    ),
    "who_is_it": Cause(
        "Who is it in Canvas?",
        "who is it?",
        "More than one Canvas user could be this person, or the one that we knew may be somebody else now. Choose who "
        "it is, or that it is none of them.",
        OFFICE,
        of_one=True,
        asks=True,
    ),
    "same_user": Cause(
        "Another participant leads to the same Canvas user",
        "shared Canvas user",
        "Canvas has one user for two participants of ours. Say whether they are one person, or whose user it is.",
        OFFICE,
        of_one=True,
        asks=True,
    ),
    "changed_in_canvas": Cause(
        "Changed by hand in Canvas",
        "changed by hand",
        "Somebody changed this enrollment in Canvas after we had made it. You decide: put it back as registered here, "
        "or leave it as it is in Canvas.",
        "Your place is safe. Your access was changed in Canvas itself; the office decides about it.",
        heals_itself=False,
        of_one=True,
        asks=True,
    ),
    "canvas_restored": Cause(
        "Canvas came back from a backup",
        "being checked again",
        "We are reading all Canvas courses again, automatically. Nobody is removed until that is done.",
        "Your place is safe. We are checking everything with Canvas, and add you if you are missing.",
        by_office=False,
    ),
    "course_closed_to_students": Cause(
        "The Canvas course can't have students",
        "takes no students",
        "It is a blueprint course or a course template in Canvas, and those take no students. Open our course and "
        "associate it with another Canvas course.",
        OFFICE,
    ),
    "no_account": Cause(
        "Has no Canvas user",
        "no Canvas user",
        "Course Settings don't let us create users. Create one in Canvas with this email as login, and we will find "
        "it; or let us create users.",
        "Your place is safe. The office has to create a Canvas account for you before you can get in.",
        of_one=True,
    ),
    "sign_in_missing": Cause(
        "Canvas does not have the chosen sign-in",
        "sign-in is missing",
        "The single sign-on that is chosen in Course Settings for people new to Canvas is no longer in Canvas. Choose "
        "another one.",
        OFFICE,
    ),
    "found_there": Cause(
        "Was enrolled in Canvas before registering here",
        "enrolled before us",
        "This enrollment existed before the registration here, so a withdrawal does not remove it. Decide whether it "
        "stays.",
        "You have withdrawn. You were in the Canvas course before; the office decides whether you stay in it.",
        heals_itself=False,
        of_one=True,
        asks=True,
    ),
    "no_answer": Cause(
        "No answer from Canvas yet",
        "no answer yet",
        "Canvas works, but this fails: {detail} There is nothing to do: we keep trying. If it keeps failing, ask the "
        "people who run Canvas.",
        SOON,
        of_one=True,
        by_office=False,
    ),
    "refused": Cause(
        "Canvas refused",
        "Canvas refused",
        "Canvas's answer is shown beside each person. Correct what it names, then try again.",
        OFFICE,
        heals_itself=False,
        of_one=True,
    ),
    "our_fault": Cause(
        "Something unforeseen went wrong on our side",
        "failed on our side",
        "There is nothing to do in Canvas: we keep trying. If it keeps failing, tell the person who runs this server "
        "that the worker's process log has the details.",
        SOON,
        of_one=True,
        by_office=False,
    ),
}

NOBODY_ACTS = tuple(name for name, cause in CAUSES.items() if not cause.by_office)
"""Causes that end automatically, or that are ours to remove."""

SENTENCES |= {f"cause_{name}": cause._title for name, cause in CAUSES.items()}
"""Other places store a cause by its code."""

PERMISSIONS: Marked[dict[str, str]] = {
    "add_student_to_course": "“Users - Students”, add",
    "remove_student_from_course": "“Users - Students”, remove",
    "allow_course_admin_actions": "“Users - allow administrative actions in courses”",
    "manage_user_logins": "“Users - manage login details”",
    "read_roster": "“Users - view list”",
    "view_user_logins": "“Users - view login IDs”",
    "read_email_addresses": "“Users - view email addresses”",
    "manage_user_details": "“Users - act on, edit”",
}
"""Canvas's own words for the permissions that can be missing, as its page shows them."""


def permission(name: str) -> str:
    """The permission in Canvas's own words, as far as we know them."""
    return t(PERMISSIONS.get(name, name))


def permission_in(name: str, canvas_course_id: int) -> str:
    """The scope of a permission that is missing in one Canvas course."""
    return f"{name} {canvas_course_id}"


def _in_words(scope: str) -> str:
    name, _, course = scope.partition(" ")
    if name not in PERMISSIONS:
        return t(scope)
    if not course:
        return permission(name)
    return t("{permission}, in Canvas course {course}", permission=permission(name), course=course)
