"""The API's routes for enrollments (enrollments_api_controller.rb)."""

from collections.abc import Callable
from typing import Any

from . import rules_enrollments as rules
from .api import route
from .calls import Call
from .ids import find_account, find_course, find_section, find_user, number
from .records import ENROLLMENT_TYPES, Course, Enrollment, Section, User
from .rules import Denied, NotFound, Refused, require
from .shapes import enrollment_json, sees_sis
from .world import ROLE_IDS, World

LISTED_STATES = ("active", "invited", "creation_pending", "inactive")
#: The states that callers may name for their own enrollments (enrollments_api_controller.rb), as stored states.
OWN_STATES = {
    name: {name} for name in ("active", "inactive", "rejected", "invited", "creation_pending", "completed")
} | {
    "pending_active": {"creation_pending"},
    "pending_invited": {"creation_pending"},
    "current_and_invited": {"active", "invited"},
    "current_and_future": {"active", "invited", "creation_pending"},
    "current_future_and_restricted": {"active", "invited", "creation_pending"},
    "current_and_concluded": {"active", "completed"},
}


@route("POST", "/courses/<id:course>/enrollments")
def enroll_in_course(call: Call, course: str) -> Any:
    """Enroll a user. A repeated request changes the same enrollment (models/course.rb, enroll_user)."""
    return _enroll(call, find_course(call.world, course), None)


@route("POST", "/sections/<id:section>/enrollments")
def enroll_in_section(call: Call, section: str) -> Any:
    """Enroll a user in the section of the address, whatever section the form names (enrollments_api_controller.rb)."""
    found = find_section(call.world, section)
    return _enroll(call, call.world.courses[found.course_id], found)


def _enroll(call: Call, course: Course, section: Section | None) -> Any:
    """Enroll the user. The order of the checks is Canvas's (enrollments_api_controller.rb, create)."""
    wish = call.params.group("enrollment")
    kind = rules.read_type(wish)
    if not rules.may_add(call.caller, course, kind):
        raise Denied
    if section is None and wish.get("course_section_id"):
        section = find_section(call.world, wish["course_section_id"], course)
    user = find_user(call.world, call.caller, wish["user_id"])
    row = rules.enroll(call.world, user, course, section, kind, wish)
    return enrollment_json(call.world, call.caller, row, call.site)


@route("DELETE", "/courses/<id:course>/enrollments/<id:row>")
def remove_enrollment(call: Call, course: str, row: str) -> Any:
    """Delete or deactivate an enrollment; without a known `task`, conclude it (enrollments_api_controller.rb)."""
    found = _row_of_course(call, course, row)
    rules.remove(call.world, call.caller, found, call.params.one("task"))
    return enrollment_json(call.world, call.caller, found, call.site)


@route("PUT", "/courses/<id:course>/enrollments/<id:row>/reactivate")
def reactivate_enrollment(call: Call, course: str, row: str) -> Any:
    """Make an inactive enrollment active again; others are refused (enrollments_api_controller.rb)."""
    found = _row_of_course(call, course, row)
    rules.reactivate(call.world, call.caller, found)
    return enrollment_json(call.world, call.caller, found, call.site)


@route("POST", "/courses/<id:course>/enrollments/<id:row>/accept")
def accept_invitation(call: Call, course: str, row: str) -> Any:
    """Accept an invitation. Only the person invited can, even after rejecting it."""
    rules.answer_invitation(call.world, call.caller, _row_of_course(call, course, row), "active")
    return {"success": True}


@route("POST", "/courses/<id:course>/enrollments/<id:row>/reject")
def reject_invitation(call: Call, course: str, row: str) -> Any:
    """Reject an invitation. Only the person invited can."""
    rules.answer_invitation(call.world, call.caller, _row_of_course(call, course, row), "rejected")
    return {"success": True}


def _row_of_course(call: Call, course: str, text: str) -> Enrollment:
    course_id = find_course(call.world, course).id
    row = call.world.enrollments.get(number(text))
    if row is None or row.course_id != course_id or row.workflow_state == "deleted":
        raise NotFound
    return row


@route("GET", "/accounts/<id:account>/enrollments/<id:row>")
def show_enrollment(call: Call, account: str, row: str) -> Any:
    """Show an enrollment, a deleted one too, and only in the root account (enrollments_api_controller.rb)."""
    found = call.world.enrollments.get(number(row))
    if find_account(call.world, account).id != call.world.root_account_id or found is None:
        raise NotFound
    if found.user_id != call.caller.user_id:
        require(call.caller, "read_roster")
    return enrollment_json(call.world, call.caller, found, call.site)


@route("GET", "/courses/<id:course>/enrollments")
def list_course_enrollments(call: Call, course: str) -> Any:
    """List a course's enrollments, in bookmarked pages (enrollments_api_spec.rb)."""
    return _list_rows(call, course=find_course(call.world, course))


@route("GET", "/sections/<id:section>/enrollments")
def list_section_enrollments(call: Call, section: str) -> Any:
    """List a section's enrollments, in bookmarked pages (enrollments_api_spec.rb)."""
    found = find_section(call.world, section)
    return _list_rows(call, course=call.world.courses[found.course_id], section=found)


@route("GET", "/users/<id:user>/enrollments")
def list_user_enrollments(call: Call, user: str) -> Any:
    """List a user's enrollments. The list of a user who was deleted or merged away is empty."""
    return _list_rows(call, user=find_user(call.world, call.caller, user, gone_too=True))


def _list_rows(
    call: Call, course: Course | None = None, section: Section | None = None, user: User | None = None
) -> Any:
    world, params = call.world, call.params
    if params.one("user_id"):
        user = find_user(world, call.caller, params.one("user_id") or "", gone_too=True)
    own = user is not None and user.id == call.caller.user_id
    if not own:
        require(call.caller, "read_roster", course=course)
    states, types = _states(call, own, of_one_user=user is not None), _types(call)
    has_sis_ids = _sis_ids(call)

    def wanted(row: Enrollment) -> bool:
        return (
            (not types or row.type in types)
            and (section is None or row.course_section_id == section.id)
            and _state_as_seen(world, row, own) in states
            and has_sis_ids(row)
        )

    if user is None and course:
        rows = world.roster(course.id)
    elif user is None or user.workflow_state == "deleted":
        # A user who was deleted or merged away has no list, though deleted enrollments stay.
        rows = []
    else:
        rows = world.in_order(world.rows_of(course_id=course.id if course else None, user_id=user.id))
    return [
        enrollment_json(world, call.caller, row, call.site, with_user=True) for row in call.bookmarked(rows, wanted)
    ]


def _states(call: Call, own: bool, of_one_user: bool) -> set[str]:
    asked = call.params.many("state")
    if own and asked:
        for state in asked:
            if state not in OWN_STATES:
                raise Refused({"error": f"Invalid state {state}"})
        return set().union(*(OWN_STATES[state] for state in asked))
    if asked:
        return set(asked)
    if of_one_user:
        return {"active", "invited"}
    return set(LISTED_STATES if call.caller.permissions else LISTED_STATES[:3])


def _state_as_seen(world: World, row: Enrollment, own: bool) -> str:
    """The state that Canvas shows; for the caller's own enrollments the course's dates count too
    (enrollments_api_controller.rb)."""
    if own and row.workflow_state in ("active", "invited") and rules.is_concluded(world, world.courses[row.course_id]):
        return "completed"
    return row.workflow_state


def _types(call: Call) -> set[str]:
    roles = set(call.params.many("role"))
    role_id = call.params.one("role_id")
    if role_id:
        roles |= {name for name, own_id in ROLE_IDS.items() if str(own_id) == role_id} or {role_id}
    if not roles <= set(ENROLLMENT_TYPES):
        raise Refused({"message": "Invalid role"})
    return roles or set(call.params.many("type"))


def _sis_ids(call: Call) -> Callable[[Enrollment], bool]:
    """A function that returns whether an enrollment has the SIS ids that are asked for."""
    world = call.world
    users, sections, courses = (set(call.params.many(f"sis_{kind}_id")) for kind in ("user", "section", "course"))
    if not (users or sections or courses):
        return lambda row: True
    if not sees_sis(call.caller):
        raise Refused({"message": "Insufficient permissions to filter by SIS fields"})
    logins = (world.login_by_sis_id.get(text) for text in users)
    user_ids = {login.user_id for login in logins if login}
    return lambda row: (
        (not users or row.user_id in user_ids)
        and (not sections or world.sections[row.course_section_id].sis_section_id in sections)
        and (not courses or world.courses[row.course_id].sis_course_id in courses)
    )
