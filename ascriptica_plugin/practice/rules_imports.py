"""Canvas's rules for SIS imports of users.csv and enrollments.csv (lib/sis/user_importer.rb, enrollment_importer.rb,
models/sis_batch.rb). No HTTP.

The imports of an account are carried out one after another, each for as long as it takes. Every call of the API first
brings them up to date, whatever it asks for.
"""

import csv
import io
from datetime import UTC, datetime

from .records import Course, Enrollment, Section, SISImport, User, as_time
from .rules import is_true
from .rules_users import rename
from .world import World

ROLES = {name: f"{name.capitalize()}Enrollment" for name in ("student", "teacher", "ta", "observer", "designer")}
STATES = {name: name for name in ("active", "deleted", "completed", "inactive")} | {"deleted_last_completed": ""}
ENROLLMENTS, USERS = "enrollments.csv", "users.csv"
KINDS = {USERS: "user", ENROLLMENTS: "enrollment"}
"""The files that are read, in this order, and what Canvas calls each."""

OVER = ("imported", "imported_with_messages", "failed", "failed_with_messages", "aborted")


def carry_out_due(world: World) -> None:
    """Carry the imports out as far as they would be by now."""
    waiting = [its for its in world.imports.values() if its.workflow_state not in OVER]
    for its in waiting:
        if world.imports_are == "stuck":
            return
        if its.started_at is None:
            its.started_at, its.workflow_state = world.now(), "importing"
            world.changed()
        if (world.clock() - _time(its.started_at)).total_seconds() < its.takes_seconds:
            return
        _carry_out(world, its)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _carry_out(world: World, its: SISImport) -> None:
    its.counts = {"users": 0, "enrollments": 0, "error_count": 0, "warning_count": 0}
    its.changes = {"created": 0, "concluded": 0, "deactivated": 0, "restored": 0, "deleted": 0}
    for file, kind in KINDS.items():
        reader = csv.DictReader(io.StringIO(its.files.get(file, "").removeprefix("\ufeff")))
        for number, row in enumerate(reader, 2):
            line = {name: (value or "").strip() for name, value in row.items() if name}
            problem = _make_user(world, line) if file == USERS else _row(world, its, line)
            if problem is None:
                its.counts[f"{kind}s"] += 1
            else:
                its.warnings.append((file, number, problem))
    its.counts["warning_count"] = len(its.warnings)
    its.ended_at = world.now()
    its.workflow_state = "imported_with_messages" if its.warnings else "imported"
    world.changed()


def _make_user(world: World, line: dict[str, str]) -> str | None:
    """Make a user, or change the one who has this SIS ID, else the one who has this login and no SIS ID. A deleted user
    is restored. Returns what is wrong, or None."""
    sis_id, unique_id = line.get("user_id"), line.get("login_id")
    if not sis_id or not unique_id:
        return "No user_id given for a user" if not sis_id else f"No login_id given for user {sis_id}"
    if line.get("status", "").lower() not in ("active", "suspended", "deleted"):
        return f"Improper status for user {sis_id}"
    own, holder = world.login_by_sis_id.get(sis_id), world.login_by_unique_id.get(unique_id.lower())
    if holder is not None and holder is not own and holder.sis_user_id:
        return f"user {holder.sis_user_id} has already claimed {sis_id}'s requested login information, skipping"
    name, login = line.get("full_name") or unique_id, own or holder
    if login is None:
        world.add_user(name, unique_id, sis_id, line.get("email") or None)
        if is_true(line.get("canvas_password_notification")):
            world.mails += 1
        return None
    world.forget_login(login)
    login.unique_id, login.sis_user_id, login.workflow_state = unique_id, sis_id, "active"
    world.index_login(login)
    user = world.users[login.user_id]
    user.workflow_state = "registered"
    if line.get("full_name"):
        rename(world, user, {"name": name})
    return None


def _row(world: World, its: SISImport, line: dict[str, str]) -> str | None:
    """Carry out a line of enrollments.csv. Returns what is wrong with it, in Canvas's words, or None."""
    course_id, section_id, user_id = line.get("course_id"), line.get("section_id"), line.get("user_id")
    integration_id, status, role = line.get("user_integration_id"), line.get("status", ""), line.get("role", "")
    if not course_id and not section_id:
        return "No course_id or section_id given for an enrollment"
    if not user_id and not integration_id:
        return "No user_id given for an enrollment"
    if status.lower() not in STATES:
        return f'Improper status "{status}" for an enrollment'
    if role.lower() not in ROLES:
        return f'Improper role "{role}" for an enrollment'
    user = _user(world, user_id, integration_id)
    named = f"User ID: {user_id or integration_id}, Course ID: {course_id or ''}, Section ID: {section_id or ''}"
    if user is None:
        return f"User not found for enrollment ({named})"
    found = _place(world, course_id, section_id, user_id or integration_id or "")
    if isinstance(found, str):
        return found
    course, section = found
    if (course.blueprint and role.lower() in ("student", "observer")) or course.template:
        return f"Students and observers can't be added to a blueprint course ({named})"
    _enroll(world, its, user, course, section, line)
    return None


def _user(world: World, sis_id: str | None, integration_id: str | None) -> User | None:
    if integration_id:
        login = next((one for one in world.logins.values() if one.integration_id == integration_id), None)
    else:
        login = world.login_by_sis_id.get(sis_id or "")
    return None if login is None or login.workflow_state == "deleted" else world.users[login.user_id]


def _place(world: World, course_id: str | None, section_id: str | None, user: str) -> tuple[Course, Section] | str:
    """The course and section, or what is wrong. An import lets people into a concluded course, which the API refuses.
    A cross-listed section leads to the course where it is now, whichever of its two courses the line names."""
    course = next((one for one in world.courses.values() if course_id and one.sis_course_id == course_id), None)
    if course_id and (course is None or course.workflow_state == "deleted"):
        return f"An enrollment referenced a non-existent course {course_id}"
    if not section_id:
        return (course, world.default_section(course)) if course else "Neither course nor section existed"
    section = next((one for one in world.sections.values() if one.sis_section_id == section_id), None)
    if section is None or section.workflow_state == "deleted":
        return f"An enrollment referenced a non-existent section {section_id}"
    if course is not None and course.id not in (section.course_id, section.nonxlist_course_id):
        listed = f"An enrollment listed a section ({section_id}) and a course ({course_id})"
        return f"{listed} that are unrelated for user ({user})"
    return world.courses[section.course_id], section


def _enroll(world: World, its: SISImport, user: User, course: Course, section: Section, line: dict[str, str]) -> None:
    """Make or change the row for this section, user, type and role, no matter who made it. The line's dates replace the
    row's, even if the line has none."""
    kind, now = ROLES[line["role"].lower()], world.now()
    row = world.enrollment_by_key.get((course.id, user.id, kind, None, section.id))
    state = STATES[line["status"].lower()]
    if not state:
        others = world.rows_of(course_id=course.id, user_id=user.id)
        live = [one for one in others if one is not row and one.type == kind and one.workflow_state == "active"]
        state = "deleted" if live else "completed"
    before = row.workflow_state if row else None
    if row is None:
        row = Enrollment(world.new_id(), user.id, course.id, section.id, kind, state, now, now)
        world.add(row)
    row.workflow_state, row.updated_at, row.sis_import_id = state, now, its.id
    start, end = as_time(line.get("start_date")), as_time(line.get("end_date"))
    row.start_at, row.end_at = (start, end) if start and end else (None, None)
    if line.get("limit_section_privileges"):
        row.limit_privileges_to_course_section = is_true(line["limit_section_privileges"])
    if is_true(line.get("notify")) and before != state:
        world.mails += 1
    change = {"completed": "concluded", "inactive": "deactivated", "deleted": "deleted"}.get(state)
    change = change or ("created" if before is None else "restored")
    if before != state:
        its.changes[change] += 1
