"""The API's routes for courses and sections."""

from typing import Any

from . import course_list, rules_courses, rules_moves
from .api import route
from .calls import Call
from .ids import find_account, find_course, find_section
from .records import Course, Section, as_time
from .rules import Denied, Refused, checked_term, is_true, may, require
from .shapes import course_json, section_json


@route("GET", "/accounts/<id:account>/courses")
def list_account_courses(call: Call, account: str) -> Any:
    """List an account's courses, and its sub-accounts' too (accounts_controller.rb, courses_api)."""
    found = find_account(call.world, account)
    require(call.caller, "read_course_list")
    courses = course_list.listed(call.world, call.caller, found, call.params)
    include = call.params.many("include")
    return [course_json(call.world, call.caller, course, include) for course in call.numbered(courses, counted=False)]


@route("GET", "/courses")
def list_own_courses(call: Call) -> Any:
    """List the courses where the caller has an active or invited enrollment."""
    rows = call.world.rows_of(user_id=call.caller.user_id)
    numbers = dict.fromkeys(row.course_id for row in rows if row.workflow_state in ("active", "invited"))
    courses = [call.world.courses[course_id] for course_id in numbers]
    include = call.params.many("include")
    return [course_json(call.world, call.caller, course, include) for course in call.numbered(courses)]


@route("GET", "/courses/<id:course>")
def show_course(call: Call, course: str) -> Any:
    """Show a course. A deleted one is not found."""
    found = _readable_course(call, find_course(call.world, course))
    return course_json(call.world, call.caller, found, call.params.many("include"))


@route("GET", "/courses/<id:course>/permissions")
def show_course_permissions(call: Call, course: str) -> Any:
    """Show what the caller's roles allow. A blueprint takes no students, but that is no matter of roles, so it doesn't
    show here (courses_controller.rb)."""
    found = _readable_course(call, find_course(call.world, course))
    return {name: may(call.caller, name, course=found) for name in call.params.many("permissions")}


@route("PUT", "/courses/<id:course>")
def update_course(call: Call, course: str) -> Any:
    """Change a course. Its `event` publishes, unpublishes, concludes, deletes or undeletes it."""
    wish = call.params.group("course")
    found = find_course(call.world, course, gone_too=wish.get("event") == "undelete")
    require(call.caller, "manage_course_content_edit", course=found)
    if "event" in wish:
        require(call.caller, "change_course_state", course=found)
        rules_courses.change_course(call.world, found, wish["event"])
    for name in ("name", "course_code"):
        setattr(found, name, wish.get(name, getattr(found, name)))
    for name in ("start_at", "end_at"):
        setattr(found, name, as_time(wish[name]) if name in wish else getattr(found, name))
    if "restrict_enrollments_to_course_dates" in wish:
        found.restrict_enrollments_to_course_dates = is_true(wish["restrict_enrollments_to_course_dates"])
    if "sis_course_id" in wish and may(call.caller, "manage_sis"):
        found.sis_course_id = wish["sis_course_id"] or None
    call.world.changed()
    return course_json(call.world, call.caller, found, [])


@route("DELETE", "/courses/<id:course>")
def delete_course(call: Call, course: str) -> Any:
    """Delete or conclude a course, as `event` says."""
    found = find_course(call.world, course)
    require(call.caller, "change_course_state", course=found)
    event = call.params.one("event")
    if event not in ("delete", "conclude"):
        raise Refused({"message": "Invalid event"})
    rules_courses.change_course(call.world, found, event)
    return {event: True}


@route("GET", "/courses/<id:course>/sections")
def list_sections(call: Call, course: str) -> Any:
    """List a course's active sections by name; `all` switches paging off (sections_controller.rb)."""
    found = _readable_course(call, find_course(call.world, course))
    term = call.params.one("search_term")
    term = checked_term(term) if term is not None else ""
    sections = [
        section
        for section in call.world.sections_of_course[found.id]
        if section.workflow_state == "active" and term in section.name.lower()
    ]
    sections.sort(key=lambda section: (section.name.lower(), section.id))
    if not is_true(call.params.one("all")):
        sections = call.numbered(sections)
    return [section_json(call.world, call.caller, section) for section in sections]


@route("GET", "/sections/<id:section>")
@route("GET", "/courses/<id:course>/sections/<id:section>")
def show_section(call: Call, section: str, course: str | None = None) -> Any:
    """Show a section. In the address of another course it is not found (sections_controller.rb)."""
    found = find_section(call.world, section, find_course(call.world, course) if course else None)
    _readable_course(call, call.world.courses[found.course_id])
    return section_json(call.world, call.caller, found)


@route("DELETE", "/sections/<id:section>")
def delete_section(call: Call, section: str) -> Any:
    """Delete a section, unless it has enrollments that are neither deleted nor rejected (sections_controller.rb)."""
    found = find_section(call.world, section)
    require(call.caller, "manage_sections_delete", course=call.world.courses[found.course_id])
    rules_courses.delete_section(call.world, found)
    return section_json(call.world, call.caller, found)


@route("POST", "/courses/<id:course>/sections")
def create_section(call: Call, course: str) -> Any:
    """Make a section. Without manage_sis its SIS id is ignored without any message (sections_controller.rb)."""
    found = find_course(call.world, course)
    require(call.caller, "manage_sections_add", course=found)
    section = rules_courses.create_section(call.world, call.caller, found, call.params.group("course_section"))
    return section_json(call.world, call.caller, section)


@route("POST", "/sections/<id:section>/crosslist/<id:course>")
def crosslist_section(call: Call, section: str, course: str) -> Any:
    """Move a section with all its enrollments to another course (course_section.rb, move_to_course)."""
    found, new_home = find_section(call.world, section), find_course(call.world, course)
    _may_move(call, found, new_home)
    rules_moves.crosslist(call.world, found, new_home)
    return section_json(call.world, call.caller, found)


@route("DELETE", "/sections/<id:section>/crosslist")
def uncrosslist_section(call: Call, section: str) -> Any:
    """Move a cross-listed section back. If its first course was deleted, that comes back too (course_section.rb)."""
    found = find_section(call.world, section)
    if found.nonxlist_course_id is not None:
        _may_move(call, found, call.world.courses[found.nonxlist_course_id])
    rules_moves.uncrosslist(call.world, found)
    return section_json(call.world, call.caller, found)


def _may_move(call: Call, section: Section, new_home: Course) -> None:
    """Moving takes the right to edit the section, and to manage the course that it goes to (sections_controller.rb)."""
    require(call.caller, "manage_sections_edit", course=call.world.courses[section.course_id])
    require(call.caller, "manage_courses_admin", course=new_home)


def _readable_course(call: Call, course: Course) -> Course:
    if not call.caller.permissions and not call.world.rows_of(course_id=course.id, user_id=call.caller.user_id):
        raise Denied
    return course
