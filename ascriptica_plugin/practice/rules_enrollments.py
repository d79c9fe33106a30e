"""Canvas's rules for enrollments: who may be added, and what a repeated request changes
(enrollments_api_controller.rb, models/course.rb). No HTTP.

A function that raises leaves the world unchanged.
"""

from collections.abc import Mapping

from .records import ENROLLMENT_TYPES, Course, Enrollment, Section, Token, User, as_time
from .rules import Denied, NotFound, Refused, is_true, may, require
from .world import ROLE_IDS, World

STATES_AFTER = {"delete": "deleted", "deactivate": "inactive", "inactivate": "inactive"}


def is_concluded(world: World, course: Course, section: Section | None = None) -> bool:
    """Whether nobody can be enrolled any more. A section's end date counts first, if it restricts enrollments
    (Course#concluded?, CourseSection#concluded?)."""
    if section and section.end_at and section.restrict_enrollments_to_section_dates:
        return section.end_at < world.now()
    if course.workflow_state == "completed":
        return True
    if course.end_at and course.restrict_enrollments_to_course_dates:
        return course.end_at < world.now()
    return course.term_end_at is not None and course.term_end_at < world.now()


def read_type(wish: Mapping[str, str]) -> str:
    """The requested type of enrollment, after Canvas's checks of the parameters."""
    if not wish:
        raise Refused({"message": "No parameters given"})
    errors = []
    kind, role_id, role = wish.get("type"), wish.get("role_id"), wish.get("role")
    if role_id:
        role = next((name for name, number in ROLE_IDS.items() if str(number) == role_id), None)
    elif role:
        role = role if role in ENROLLMENT_TYPES else None
    else:
        kind = kind or "StudentEnrollment"
        role = kind if kind in ENROLLMENT_TYPES else None
        if role is None:
            errors.append("Invalid type")
    if role and kind not in (None, "", role):
        errors.append("The specified type must match the base type for the role")
    elif role is None and not errors:
        errors.append("Invalid role")
    if not wish.get("user_id", "").strip():
        errors.append("Can't create an enrollment without a user. Include enrollment[user_id] to create an enrollment")
    if role is None or errors:
        raise Refused({"message": ", ".join(errors)})
    return role


def may_add(caller: Token, course: Course, kind: str) -> bool:
    """Whether the caller may add people of this type (User#can_create_enrollment_for?, models/user.rb)."""
    if course.template or (course.blueprint and kind in ("StudentEnrollment", "ObserverEnrollment")):
        return False
    return may(caller, f"add_{_short(kind)}_to_course", course=course)


def enroll(
    world: World, user: User, course: Course, section: Section | None, kind: str, wish: Mapping[str, str]
) -> Enrollment:
    """Add a row, or update the existing one (Course#enroll_user). Raises NotFound or Refused."""
    if world.login_of(user) is None:
        raise NotFound
    if is_concluded(world, course) and not (
        section and world.rows_of(course_id=course.id, user_id=user.id) and not is_concluded(world, course, section)
    ):
        raise Refused({"message": "Can't add an enrollment to a concluded course."})
    observed = int(wish["associated_user_id"]) if wish.get("associated_user_id", "").isdigit() else None
    if observed == user.id:
        words = "Cannot observe yourself"
        raise Refused(
            {"errors": {"associated_user_id": [{"attribute": "associated_user_id", "type": words, "message": words}]}}
        )
    section = section or world.default_section(course)
    state = _wanted_state(user, course, kind, wish)
    now = world.now()
    row = world.enrollment_by_key.get((course.id, user.id, kind, observed, section.id))
    before = row.workflow_state if row else None
    if row is None:
        row = Enrollment(world.new_id(), user.id, course.id, section.id, kind, state, now, now, observed)
        world.add(row)
    elif row.workflow_state != "active":
        row.workflow_state = state
    # A parameter that is left out is cleared, on a repeated request too.
    row.limit_privileges_to_course_section = is_true(wish.get("limit_privileges_to_course_section"))
    row.self_enrolled = is_true(wish.get("self_enrolled"))
    row.start_at, row.end_at = as_time(wish.get("start_at")), as_time(wish.get("end_at"))
    row.updated_at = now
    if is_true(wish.get("notify")) and row.workflow_state != before:
        world.mails += 1
    world.changed()
    return row


def _wanted_state(user: User, course: Course, kind: str, wish: Mapping[str, str]) -> str:
    state = wish.get("enrollment_state")
    if state not in ("active", "invited", "inactive"):
        at_once = kind == "ObserverEnrollment" and user.workflow_state == "registered"
        state = "active" if at_once else "invited"
    unpublished = course.workflow_state in ("created", "claimed")
    return "creation_pending" if state == "invited" and unpublished and kind == "StudentEnrollment" else state


def remove(world: World, caller: Token, row: Enrollment, task: str | None) -> None:
    """Delete or deactivate an enrollment; without a known task, conclude it. Raises Denied."""
    state, course = STATES_AFTER.get(task or ""), world.courses[row.course_id]
    if state is not None:
        require(caller, f"remove_{_short(row.type)}_from_course", course=course)
    else:
        require(caller, "manage_students", "allow_course_admin_actions", course=course)
    set_state(world, row, state or "completed")


def answer_invitation(world: World, caller: Token, row: Enrollment, state: str) -> None:
    """Accept ("active") or reject ("rejected") an invitation. Only the person invited may, and may still accept after
    rejecting. Raises Denied or Refused."""
    if row.user_id != caller.user_id:
        raise Denied
    if row.workflow_state == state:
        return
    if row.workflow_state == "inactive":
        raise Refused({"error": "membership not activated"})
    if row.self_enrolled:
        raise Refused({"error": "self enroll"})
    if row.workflow_state not in ("invited", "rejected"):
        raise Refused({"error": "no current invitation"})
    set_state(world, row, state)


def reactivate(world: World, caller: Token, row: Enrollment) -> None:
    """Make an inactive enrollment active again. Raises Denied, or Refused for one in another state."""
    require(caller, f"remove_{_short(row.type)}_from_course", course=world.courses[row.course_id])
    if row.workflow_state != "inactive":
        raise Refused({"error": "enrollment not inactive"})
    set_state(world, row, "active")


def set_state(world: World, row: Enrollment, state: str) -> None:
    """Give the enrollment this state, and note when."""
    row.workflow_state, row.updated_at = state, world.now()
    world.changed()


def _short(kind: str) -> str:
    return kind.removesuffix("Enrollment").lower()
