"""Creates a world from a description, `given` in canvas-cases.json; also the example world of a first start."""

from collections.abc import Mapping
from typing import Any

from .records import PERMISSIONS, Account, Course, Enrollment, Token, as_time, new_token
from .rules_users import delete_login, delete_user
from .world import TERM_ID, World

Given = Mapping[str, Any]
PARTS = {
    "": {"users", "accounts", "courses", "enrollments", "token", "throttle"},
    "users": {"name", "login", "sis_user_id", "email", "state", "deleted", "login_state"},
    "accounts": {"name", "sis_account_id"},
    "courses": {
        "name",
        "course_code",
        "sis_course_id",
        "account",
        "workflow_state",
        "end_at",
        "template",
        "blueprint",
        "restrict_enrollments_to_course_dates",
        "term_end_at",
        "sections",
        "modules",
    },
    "sections": {"name", "sis_section_id", "end_at", "restrict_enrollments_to_section_dates", "deleted"},
    "enrollments": {"user", "course", "section", "type", "state", "scores", "last_activity_at"},
    "token": {"permissions", "without", "state", "user", "lacking"},
    "throttle": {"enabled", "hwm", "status"},
}

EXAMPLE: Given = {
    "users": {
        "vera": {"name": "Vera Lind", "login": "vera.lind@practice.example", "sis_user_id": "T-1"},
        "omar": {"name": "Omar Haddad", "login": "omar.haddad@practice.example", "sis_user_id": "S-1"},
        "june": {"name": "June Park", "login": "june.park@practice.example", "sis_user_id": "S-2"},
    },
    "courses": {
        "food": {
            "name": "Food Safety Basics",
            "sis_course_id": "FOOD-101",
            "sections": {
                "morning": {"name": "Morning group", "sis_section_id": "FOOD-101-M"},
                "evening": {"name": "Evening group", "sis_section_id": "FOOD-101-E"},
            },
        },
        "aid": {"name": "First Aid", "sis_course_id": "AID-200"},
        "art": {"name": "Watercolour for Beginners", "sis_course_id": "ART-110"},
        "spanish": {"name": "Spanish I", "sis_course_id": "SPA-101", "workflow_state": "claimed"},
        "books": {"name": "Bookkeeping 2025", "sis_course_id": "BOOK-2025", "workflow_state": "completed"},
    },
    "enrollments": {
        "vera": {"user": "vera", "course": "food", "type": "TeacherEnrollment"},
        "omar": {"user": "omar", "course": "food", "section": "morning"},
        "june": {"user": "june", "course": "food"},
    },
}


def sow(world: World, given: Given) -> dict[str, Any]:
    """Create what `given` names, in a cleared world; the caller handles `given["throttle"]`.

    Returns the ids, the token if `given` has one, and the keys that are not supported.
    """
    seeds = _Seeds(world)
    for name, values in given.get("users", {}).items():
        user = world.add_user(
            values.get("name", name),
            values.get("login"),
            values.get("sis_user_id"),
            values.get("email"),
            values.get("state", "registered"),
        )
        seeds.ids[f"user.{name}"] = user.id
    for name, values in given.get("accounts", {}).items():
        account = Account(
            world.new_id(), values.get("name", name), world.now(), world.root_account_id, values.get("sis_account_id")
        )
        world.add(account)
        seeds.ids[f"account.{name}"] = account.id
    for name, values in given.get("courses", {}).items():
        seeds.course(name, values)
    for name, values in given.get("enrollments", {}).items():
        seeds.enrollment(name, values)
    seeds.end_what_is_over(given)
    token = seeds.token(given["token"]) if "token" in given else None
    return {"ids": seeds.ids, "token": token, "unsupported": _unknown_parts(given)}


class _Seeds:
    def __init__(self, world: World) -> None:
        self.world = world
        self.ids: dict[str, int] = {
            "account.root": world.root_account_id,
            "caller": world.tokens[world.admin_token].user_id,
        }

    def course(self, name: str, values: Given) -> None:
        world = self.world
        course = Course(
            world.new_id(),
            values.get("name", name),
            self.ids[f"account.{values.get('account', 'root')}"],
            world.now(),
            course_code=values.get("course_code", values.get("name", name)),
            sis_course_id=values.get("sis_course_id"),
            workflow_state=values.get("workflow_state", "available"),
            end_at=as_time(values.get("end_at")),
            restrict_enrollments_to_course_dates=bool(values.get("restrict_enrollments_to_course_dates")),
            enrollment_term_id=TERM_ID,
            term_end_at=as_time(values.get("term_end_at")),
            template=bool(values.get("template")),
            blueprint=bool(values.get("blueprint")),
            requirements=values.get("modules", {}).get("requirements", 0),
            met={
                str(self.ids[f"user.{user}"]): (many, world.now())
                for user, many in values.get("modules", {}).get("met", {}).items()
            },
        )
        world.add(course)
        self.ids[f"course.{name}"] = course.id
        for section_name, section in values.get("sections", {}).items():
            made = world.add_section(
                course,
                section.get("name", section_name),
                sis_section_id=section.get("sis_section_id"),
                end_at=as_time(section.get("end_at")),
                restrict_enrollments_to_section_dates=bool(section.get("restrict_enrollments_to_section_dates")),
            )
            self.ids[f"section.{name}.{section_name}"] = made.id

    def enrollment(self, name: str, values: Given) -> None:
        world, course_name = self.world, values["course"]
        course = world.courses[self.ids[f"course.{course_name}"]]
        section = values.get("section")
        section_id = self.ids[f"section.{course_name}.{section}"] if section else world.default_section(course).id
        now = world.now()
        row = Enrollment(
            world.new_id(),
            self.ids[f"user.{values['user']}"],
            course.id,
            section_id,
            values.get("type", "StudentEnrollment"),
            values.get("state", "active"),
            now,
            now,
            last_activity_at=as_time(values.get("last_activity_at")),
            scores=dict(values.get("scores", {})),
        )
        world.add(row)
        self.ids[f"enrollment.{name}"] = row.id

    def end_what_is_over(self, given: Given) -> None:
        """Delete and suspend things last: they existed when the enrollments were created."""
        world = self.world
        for course_name, course in given.get("courses", {}).items():
            for name, section in course.get("sections", {}).items():
                if section.get("deleted"):
                    world.sections[self.ids[f"section.{course_name}.{name}"]].workflow_state = "deleted"
        for name, values in given.get("users", {}).items():
            user = world.users[self.ids[f"user.{name}"]]
            if values.get("deleted"):
                delete_user(world, user)
            for login in world.logins_of_user[user.id]:
                if values.get("login_state") == "deleted":
                    delete_login(world, login)
                elif values.get("login_state"):
                    login.workflow_state = values["login_state"]

    def token(self, wanted: Given) -> str:
        """Create a separate token, so that the admin's stays as it is."""
        world = self.world
        if "user" in wanted:
            owner = world.users[self.ids[f"user.{wanted['user']}"]]
        else:
            owner = world.add_user("Practice Caller", "caller@practice.example")
        self.ids["caller"] = owner.id
        allowed = set(wanted.get("permissions", PERMISSIONS)) - set(wanted.get("without", ()))
        token = Token(new_token(), owner.id, wanted.get("state", "active"), permissions=sorted(allowed))
        for course, names in wanted.get("lacking", {}).items():
            token.lacking[str(self.ids[f"course.{course}"])] = sorted(names)
        if token.state == "expired":
            token.expired_at = world.now()
        world.add(token)
        return token.value


def _unknown_parts(given: Given) -> list[str]:
    """The keys that nothing here reads."""
    unknown = [key for key in given if key not in PARTS[""]]
    for part in ("token", "throttle"):
        unknown += [f"{part}.{key}" for key in given.get(part, {}) if key not in PARTS[part]]
    for part in ("users", "accounts", "courses", "enrollments"):
        for name, values in given.get(part, {}).items():
            unknown += [f"{part}.{name}.{key}" for key in values if key not in PARTS[part]]
            for section, fields in values.get("sections", {}).items() if part == "courses" else ():
                unknown += [f"{part}.{name}.{section}.{key}" for key in fields if key not in PARTS["sections"]]
    return unknown
