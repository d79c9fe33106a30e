"""Canvas's rules: who may do what, what is refused and why, and what a repeated request changes. No HTTP.

A function that raises leaves the world unchanged.
"""

from collections.abc import Mapping
from typing import Any

from .records import ENROLLMENT_TYPES, Course, Enrollment, Login, Section, Token, User, as_time, sortable
from .world import ROLE_IDS, World

TRUE_WORDS = {"true", "1", "yes", "on", "t", "y"}
STATES_AFTER = {"delete": "deleted", "deactivate": "inactive", "inactivate": "inactive"}


class NotFound(Exception):
    """Canvas never says which record is missing."""


class Denied(Exception):
    """The token is valid, but its owner may not do this."""


class Refused(Exception):
    """The request can't be carried out; Canvas answers `body`."""

    def __init__(self, body: Any, status: int = 400) -> None:
        super().__init__(body)
        self.body, self.status = body, status


def may(caller: Token, *permissions: str) -> bool:
    """Whether the caller has one of the permissions."""
    return any(name in caller.permissions for name in permissions)


def require(caller: Token, *permissions: str) -> None:
    if not may(caller, *permissions):
        raise Denied


def is_true(value: str | None) -> bool:
    return (value or "").strip().lower() in TRUE_WORDS


# Enrollments (enrollments_api_controller.rb, models/course.rb)


def is_concluded(world: World, course: Course, section: Section | None = None) -> bool:
    """Course#concluded?, CourseSection#concluded?: a section's end date counts first if it restricts enrollments."""
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
    """User#can_create_enrollment_for? (models/user.rb)."""
    if course.template or (course.blueprint and kind in ("StudentEnrollment", "ObserverEnrollment")):
        return False
    return may(caller, f"add_{_short(kind)}_to_course")


def enroll(
    world: World, user: User, course: Course, section: Section | None, kind: str, wish: Mapping[str, str]
) -> Enrollment:
    """Course#enroll_user: add a row, or update the existing one."""
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
    """DELETE of an enrollment; without a known task it is concluded."""
    state = STATES_AFTER.get(task or "")
    if state is not None:
        require(caller, f"remove_{_short(row.type)}_from_course")
    else:
        require(caller, "manage_students", "allow_course_admin_actions")
    _set_state(world, row, state or "completed")


def reactivate(world: World, caller: Token, row: Enrollment) -> None:
    require(caller, f"remove_{_short(row.type)}_from_course")
    if row.workflow_state != "inactive":
        raise Refused({"error": "enrollment not inactive"})
    _set_state(world, row, "active")


def _set_state(world: World, row: Enrollment, state: str) -> None:
    row.workflow_state, row.updated_at = state, world.now()
    world.changed()


def _short(kind: str) -> str:
    return kind.removesuffix("Enrollment").lower()


# Courses and sections


def change_course(world: World, course: Course, event: str) -> None:
    """Publish (offer), unpublish (claim), conclude or delete; Course#update_enrolled_users (models/course.rb)."""
    states = {
        "offer": "available",
        "claim": "claimed",
        "conclude": "completed",
        "delete": "deleted",
        "undelete": "claimed",
    }
    if event not in states:
        raise Refused({"message": f"Invalid event {event}"})
    course.workflow_state = states[event]
    for row in world.rows_of(course_id=course.id):
        if event == "conclude" and row.workflow_state in ("active", "invited"):
            _set_state(world, row, "completed")
        elif event == "delete" and row.workflow_state != "deleted":
            _set_state(world, row, "deleted")
    world.changed()


def delete_section(world: World, section: Section) -> None:
    """sections_controller.rb, destroy."""
    rows = world.rows_of(course_id=section.course_id)
    if any(row.course_section_id == section.id and row.workflow_state not in ("deleted", "rejected") for row in rows):
        raise Refused({"message": "You can't delete a section that has enrollments"})
    section.workflow_state = "deleted"
    world.changed()


# Users and logins (users_controller.rb, pseudonyms_controller.rb, models/pseudonym.rb)


def login_errors(world: World, unique_id: str, sis_user_id: str | None, own: Login | None = None) -> dict[str, list]:
    """Why this login is not allowed; only the first reason, as in Canvas."""
    if not unique_id:
        return _error("unique_id", "blank", "can't be blank")
    if len(unique_id) > 100:
        return _error("unique_id", "too_long", "is too long (maximum is 100 characters)")
    if not unique_id.isprintable():
        return _error("unique_id", "invalid", "is invalid")
    if world.login_by_unique_id.get(unique_id.lower()) not in (None, own):
        return _error("unique_id", "taken", "ID already in use for this account and authentication provider")
    if sis_user_id and world.login_by_sis_id.get(sis_user_id) not in (None, own):
        return _error("sis_user_id", "taken", f'SIS ID "{sis_user_id}" is already in use')
    return {}


def _error(attribute: str, kind: str, message: str) -> dict[str, list]:
    return {attribute: [{"attribute": attribute, "type": kind, "message": message}]}


def create_user(
    world: World,
    caller: Token,
    user: Mapping[str, str],
    login: Mapping[str, str],
    channel: Mapping[str, str],
    revive: bool,
) -> User:
    """Not idempotent, but the second request is refused as taken. `revive`: enable_sis_reactivation."""
    if not may(caller, "manage_user_logins"):
        raise Refused({}, 403)
    unique_id = login.get("unique_id", "").strip()
    # Without the permission Canvas drops SIS ids and reports nothing.
    sis_user_id, integration_id = (
        (login.get(name) or None) if may(caller, "manage_sis") else None for name in ("sis_user_id", "integration_id")
    )
    old = world.login_by_sis_id.get(sis_user_id) if revive and sis_user_id else None
    old = old if old and old.workflow_state == "deleted" else None
    errors = login_errors(world, unique_id, sis_user_id, own=old)
    if errors:
        invalid = _error("pseudonyms", "invalid", "is invalid")
        raise Refused(
            {"errors": {"user": invalid, "pseudonym": errors, "observee": {}, "pairing_code": {}, "recaptcha": None}}
        )
    name = user.get("name", unique_id)
    state = "registered" if is_true(user.get("skip_registration")) else "pre_registered"
    if old:
        person = world.users[old.user_id]
        world.forget_login(old)
        old.unique_id, old.workflow_state = unique_id, "active"
        person.workflow_state = state
        world.index_login(old)
        rename(world, person, {"name": name})
    else:
        person = world.add_user(name, unique_id, sis_user_id, channel.get("address") or None, state, integration_id)
    rename(world, person, {key: user[key] for key in ("short_name", "sortable_name", "locale") if key in user})
    if is_true(login.get("send_confirmation")):
        world.mails += 1
    return person


def rename(world: World, user: User, values: Mapping[str, str]) -> None:
    """Set a user's names, email or locale; a new name also sets the short and sortable names, unless they are given."""
    if "name" in values:
        user.name = values["name"]
        user.short_name, user.sortable_name = user.name.strip(), sortable(user.name)
    for key in ("short_name", "sortable_name", "email", "locale"):
        if key in values:
            setattr(user, key, values[key])
    world.index_user(user)
    world.changed()


def change_login(world: World, caller: Token, login: Login, wish: Mapping[str, str]) -> None:
    """PUT of a login; an empty SIS id removes it. Without the permission for SIS ids they are ignored."""
    unique_id = wish.get("unique_id", login.unique_id).strip()
    sis_user_id, integration_id = login.sis_user_id, login.integration_id
    if may(caller, "manage_sis"):
        sis_user_id = wish.get("sis_user_id", sis_user_id) or None
        integration_id = wish.get("integration_id", integration_id) or None
    errors = login_errors(world, unique_id, sis_user_id, own=login)
    if errors:
        raise Refused({"errors": errors})
    world.forget_login(login)
    login.unique_id, login.sis_user_id, login.integration_id = unique_id, sis_user_id, integration_id
    if wish.get("workflow_state") in ("active", "suspended"):
        login.workflow_state = wish["workflow_state"]
    world.index_login(login)
    world.changed()


def delete_login(world: World, login: Login) -> None:
    """Delete a login. Its name is free afterwards, its SIS id is not."""
    world.forget_login(login)
    login.workflow_state = "deleted"
    world.index_login(login)
    world.changed()


def delete_user(world: World, user: User) -> None:
    """User#destroy: deletes the logins and enrollments too."""
    for login in world.logins_of_user[user.id]:
        delete_login(world, login)
    for row in world.rows_of(user_id=user.id):
        if row.workflow_state != "deleted":
            _set_state(world, row, "deleted")
    user.workflow_state = "deleted"
    world.changed()


def merge_users(world: World, source: User, target: User) -> None:
    """Logins and enrollments move to the target, the source is deleted (lib/user_merge.rb; conflicts simplified)."""
    for login in list(world.logins_of_user[source.id]):
        world.logins_of_user[source.id].remove(login)
        login.user_id = target.id
        world.logins_of_user[target.id].append(login)
        world.index_login(login)
    for row in list(world.rows_of(user_id=source.id)):
        course_id, _, *rest = row.key
        twin = world.enrollment_by_key.get((course_id, target.id, *rest))
        if twin is None:
            world.move_enrollment(row, target.id)
        elif row.workflow_state != "deleted":
            if twin.workflow_state != "active":
                _set_state(world, twin, row.workflow_state)
            _set_state(world, row, "deleted")
    source.workflow_state = "deleted"
    world.index_user(source)
    world.changed()


def search_users(world: World, caller: Token, term: str | None) -> list[User]:
    """Users that are not deleted, by sortable name; the caller's permissions decide what is searched
    (lib/user_search.rb)."""
    if term is None:
        found = list(world.users.values())
    else:
        term = checked_term(term)
        hits = {number for number, text in world.user_texts.items() if term in text}
        if term.isascii() and term.isdigit() and int(term) in world.users:
            hits.add(int(term))
        found = [user for user in map(world.users.__getitem__, hits) if _matches(world, caller, user, term)]
    living = [user for user in found if user.workflow_state != "deleted"]
    return sorted(living, key=lambda user: (user.sortable_name.lower(), user.id))


def checked_term(term: str) -> str:
    """A search term in lower case. Raises Refused if it is too short (lib/search_term_helper.rb)."""
    if len(term.strip()) < 2:
        message = "2 or more characters is required"
        raise Refused({"errors": [{"field": "search_term", "code": "invalid", "message": message}]})
    return term.strip().lower()


def _matches(world: World, caller: Token, user: User, term: str) -> bool:
    texts: list[str | None] = [user.name]
    for login in world.logins_of_user[user.id]:
        if login.workflow_state == "deleted":
            continue
        if may(caller, "view_user_logins"):
            texts.append(login.unique_id)
        if may(caller, "read_sis", "manage_sis"):
            texts += [login.sis_user_id, login.integration_id]
    if may(caller, "read_email_addresses"):
        texts.append(user.email)
    return term == str(user.id) or any(text and term in text.lower() for text in texts)
