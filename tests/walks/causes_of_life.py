"""How each cause comes about in Canvas, what the clerk and the participant read, and how it heals: a line each.

`CAUSES_OF_LIFE` is the documentation of it; `test_causes` lives through each line. Lou registers for ART and has the
trouble; Kim registers for BIO and has none, so people whom the cause does not name never wait for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from . import cures, troubles
from .scene import Scene, was_there
from .troubles import after, without


@dataclass(frozen=True)
class Life:
    """One line: what the clerk reads is `CAUSES[cause].title` and `clerk`; `others`: Kim gets in meanwhile."""

    cause: str
    reach: Callable[[Scene], object]
    clerk: str
    participant: str
    heal: Callable[[Scene], object]
    others: bool = True
    afterwards: str = "You are in the Canvas course."


OFFICE = "Your place is safe. The office has to sort something out in Canvas before you can get in."

CAUSES_OF_LIFE = [
    Life(
        "canvas_down",
        after(lambda scene: scene.canvas.options(down=True)),
        "You don't have to do anything: people can still register",
        "Your place is safe. Canvas is not answering at the moment; you will be added as soon as it is back.",
        lambda scene: scene.canvas.options(down=False),
        others=False,
    ),
    Life(
        "takes_no_changes",
        troubles.no_changes,
        "You don't have to do anything: people can still register",
        "Your place is safe. Canvas takes no changes at the moment; you will be added as soon as it does.",
        Scene.no_faults,
        others=False,
    ),
    Life(
        "address_refused",
        after(lambda scene: scene.look_private(allowed=False)),
        "is inside a private network. The token is not sent there.",
        OFFICE,
        cures.typing(
            "address_refused",
            "Check the Canvas address",
            "canvas_url",
            lambda scene: scene.look_private(allowed=True),
        ),
        others=False,
    ),
    Life(
        "throttled",
        troubles.throttled,
        "You don't have to do anything: everything is being sent, as fast as Canvas allows.",
        "Your place is safe. Canvas is busy at the moment, so adding you takes a little longer.",
        Scene.no_faults,
        others=False,
    ),
    Life(
        "token_dead",
        after(lambda scene: scene.canvas.options(token="revoked")),
        "Make a new one there and paste it into Course Settings",
        OFFICE,
        cures.pasting("token_dead", "Paste a new token"),
        others=False,
    ),
    Life(
        "key_refused",
        after(troubles.key_is_revoked),
        "In Canvas, under Developer Keys, make sure that the key is still there and ON.",
        OFFICE,
        cures.approving("key_refused", "Approve in Canvas"),
        others=False,
    ),
    Life(
        "scope_missing",
        lambda scene: (troubles.approved_for_too_little(scene), scene.register()),
        "The developer key lacks a scope",
        OFFICE,
        cures.approving("scope_missing", "Approve again in Canvas"),
        others=False,
    ),
    Life(
        "token_unreadable",
        troubles.key_is_gone,
        "paste the token again, or the developer key's client secret",
        OFFICE,
        cures.pasting("token_unreadable", "Paste the token again"),
        others=False,
    ),
    Life(
        "permission_missing",
        without("add_student_to_course"),
        "the role of the token's owner needs the permission “Users - Students”, add.",
        OFFICE,
        cures.in_canvas(
            "permission_missing",
            "Open permissions in Canvas",
            "/accounts/{root}/permissions",
            lambda scene: scene.canvas.options(permissions=None),
            "Try again",
        ),
        others=False,
    ),
    Life(
        "root_id_wrong",
        after(lambda scene: scene.faults("GET /accounts/", fault="status", status=404)),
        "Check the Canvas root ID in Course Settings",
        OFFICE,
        cures.typing("root_id_wrong", "Check the root ID", "canvas_root_id", Scene.no_faults),
    ),
    Life(
        "course_missing",
        after(lambda scene: scene.course("delete")),
        "open our course and associate it with another one",
        OFFICE,
        cures.associating("course_missing", "Choose another Canvas course", "bio"),
    ),
    Life(
        "section_missing",
        troubles.section_is_gone,
        "Open our course and choose another section.",
        OFFICE,
        cures.associating("section_missing", "Choose another section", "art"),
    ),
    Life(
        "user_missing",
        troubles.user_is_gone,
        "Restore the user in Canvas, or correct the participant's email or SIS ID here",
        OFFICE,
        cures.correcting("user_missing"),
    ),
    Life(
        "course_closed_to_students",
        troubles.blueprint,
        "It is a blueprint course or a course template in Canvas, and those take no students.",
        OFFICE,
        cures.associating("course_closed_to_students", "Choose another Canvas course", "bio"),
    ),
    Life(
        "course_concluded",
        after(lambda scene: scene.course("conclude")),
        "move its end date or un-conclude it",
        OFFICE,
        cures.in_canvas(
            "course_concluded",
            "Open its settings in Canvas",
            "/courses/{art}/settings",
            lambda scene: scene.course("offer"),
            "Look again",
        ),
    ),
    Life(
        "course_unpublished",
        troubles.unpublished,
        "can enter the Canvas course until somebody publishes it in Canvas",
        "You are enrolled. The Canvas course is not open yet: you can enter as soon as the teacher publishes it.",
        cures.in_canvas(
            "course_unpublished",
            "Publish it in Canvas",
            "/courses/{art}",
            lambda scene: scene.course("offer"),
            "Look again",
        ),
    ),
    Life(
        "outside_dates",
        troubles.opens_late,
        "Change the dates in Canvas",
        "You are enrolled. The Canvas course is not open at the moment: you can enter between its dates.",
        cures.in_canvas(
            "outside_dates",
            "Change its dates in Canvas",
            "/courses/{art}/settings",
            lambda scene: scene.dates(start_at=""),
            "Look again",
        ),
    ),
    Life(
        "who_is_it",
        after(lambda scene: scene.user("other", address="lou@example.org")),
        "Choose who it is, or that it is none of them.",
        OFFICE,
        cures.answering("who_is_it", "This is Lou"),
    ),
    Life(
        "same_user",
        troubles.two_of_one,
        "Say whether they are one person, or whose user it is.",
        OFFICE,
        cures.answering("same_user", "They are one person"),
    ),
    Life(
        "changed_in_canvas",
        troubles.removed_by_hand,
        "You decide: put it back as registered here, or leave it as it is in Canvas.",
        "Your place is safe. You were removed from the Canvas course, in Canvas itself. The office decides about it.",
        cures.answering("changed_in_canvas", "Put back in Canvas"),
    ),
    Life(
        "no_account",
        troubles.no_account,
        "Create one in Canvas with this email as login, and we will find it; or let us create users.",
        "Your place is safe. The office has to create a Canvas account for you before you can get in.",
        cures.typing("no_account", "Let us create users", "missing_users", missing_users="create"),
    ),
    Life(
        "sign_in_missing",
        troubles.sign_in_is_gone,
        "for people new to Canvas is no longer in Canvas. Choose another one.",
        OFFICE,
        cures.typing("sign_in_missing", "Choose another sign-in", "way_in", sign_in="12"),
    ),
    Life(
        "found_there",
        was_there,
        "This enrollment existed before the registration here, so a withdrawal does not remove it. Decide whether it "
        "stays.",
        "You have withdrawn. You were in the Canvas course before; the office decides whether you stay in it.",
        cures.answering("found_there", "Let Lou Berg stay"),
        afterwards="You have withdrawn. You were in the Canvas course before, and stay in it.",
    ),
    Life(
        "refused",
        troubles.refused,
        "Canvas's answer is shown beside each person. Correct what it names, then try again.",
        OFFICE,
        cures.trying("refused", Scene.no_faults),
    ),
    Life(
        "no_answer",
        after(lambda scene: scene.faults("POST /courses/*/enrollments", fault="status", status=500)),
        "Canvas works, but this fails:",
        "Your place is safe. We are adding you to Canvas, and we keep trying automatically.",
        Scene.no_faults,
        others=False,
    ),
    Life(
        "our_fault",
        troubles.unforeseen,
        "There is nothing to do in Canvas: we keep trying",
        "Your place is safe. We are adding you to Canvas, and we keep trying automatically.",
        lambda scene: None,
    ),
    Life(
        "not_looked_up",
        troubles.unknown_course,
        "Canvas has no course sis_course_id:NOPE, or the token may not see it.",
        "Your place is safe. We are adding you to Canvas, and we keep trying automatically.",
        cures.associating("not_looked_up", "Choose another Canvas course", "bio"),
    ),
]
