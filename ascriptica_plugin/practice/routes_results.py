"""The API's routes for results: the progress through a course's modules (courses_controller.rb, course_progress.rb)."""

from typing import Any

from .api import route
from .calls import Call
from .ids import find_course, find_user
from .records import Course, User
from .rules import Denied, NotFound, Refused, may, require
from .shapes import user_json

LISTED = ("active", "completed")
NO_PROGRESS = (
    "no progress available because this course is not module based (meaning, it does not have modules with module "
    "completion requirements) or the user is not enrolled as a student in this course"
)


@route("GET", "/courses/<id:course>/users/<id:user>/progress")
def show_progress(call: Call, course: str, user: str) -> Any:
    """Show a student's progress. Refused if the course has no requirements (courses_api_spec.rb)."""
    found, whose = find_course(call.world, course), find_user(call.world, call.caller, user)
    kinds = {row.type for row in call.world.rows_of(course_id=found.id, user_id=whose.id)}
    if not kinds:
        raise NotFound
    if whose.id != call.caller.user_id and not may(call.caller, "view_all_grades", course=found):
        raise Denied
    if "StudentEnrollment" not in kinds or not found.requirements:
        raise Refused({"error": {"message": NO_PROGRESS}})
    return _progress(found, whose)


@route("GET", "/courses/<id:course>/bulk_user_progress")
def list_progress(call: Call, course: str) -> Any:
    """List the progress of a course's students; needs view_all_grades."""
    found = find_course(call.world, course)
    require(call.caller, "view_all_grades", course=found)
    if not found.requirements:
        raise Refused({"error": {"message": NO_PROGRESS}})
    students = {
        row.user_id
        for row in call.world.rows_of(course_id=found.id)
        if row.type == "StudentEnrollment" and row.workflow_state in LISTED
    }
    shown = []
    for number in call.numbered(sorted(students)):
        user = call.world.users[number]
        its = user_json(call.world, call.caller, user, call.site)
        shape = {"id": user.id, "display_name": user.short_name, "avatar_image_url": its["avatar_url"]}
        page = f"{call.site}/courses/{found.id}/users/{user.id}"
        shown.append(shape | {"html_url": page, "pronouns": None, "progress": _progress(found, user)})
    return shown


def _progress(course: Course, user: User) -> dict[str, Any]:
    """A course is completed once all its requirements are met; a new requirement undoes that (course_progress.rb)."""
    many, at = course.met.get(str(user.id), (0, ""))
    return {
        "requirement_count": course.requirements,
        "requirement_completed_count": min(many, course.requirements),
        "next_requirement_url": None,
        "completed_at": at if many >= course.requirements else None,
    }
