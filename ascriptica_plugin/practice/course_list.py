"""Which courses of an account are listed, and in which order (accounts_controller.rb, courses_api)."""

from .calls import Params
from .records import Account, Course, Token
from .rules import checked_term, is_true
from .shapes import sees_sis
from .world import World


def listed(world: World, caller: Token, account: Account, params: Params) -> list[Course]:
    """The courses that match every parameter. Raises Refused if the search term is too short."""
    found = [
        course
        for course in world.courses.values()
        if account.parent_account_id is None or course.account_id == account.id
    ]
    states = params.many("state")
    if "all" not in states:
        found = [one for one in found if (one.workflow_state in states if states else one.workflow_state != "deleted")]
    if (published := params.one("published")) is not None:
        found = [one for one in found if is_true(published) == (one.workflow_state == "available")]
    if (wanted := params.one("with_enrollments")) is not None:
        found = [one for one in found if is_true(wanted) == _has_people(world, one)]
    if (term := params.one("search_term")) is not None:
        term = checked_term(term)
        by_teacher = params.one("search_by") == "teacher"
        found = [one for one in found if (_is_taught_by if by_teacher else _is_named)(world, caller, one, term)]
    if params.one("sort") == "course_name":
        backwards = params.one("order") == "desc"
        return sorted(found, key=lambda course: (course.name.lower(), course.id), reverse=backwards)
    return sorted(found, key=lambda course: course.id)


def _has_people(world: World, course: Course) -> bool:
    return any(row.workflow_state != "deleted" for row in world.rows_of(course_id=course.id))


def _is_named(world: World, caller: Token, course: Course, term: str) -> bool:
    texts = [course.name, course.course_code, course.sis_course_id if sees_sis(caller) else None]
    return term == str(course.id) or any(text and term in text.lower() for text in texts)


def _is_taught_by(world: World, caller: Token, course: Course, term: str) -> bool:
    return any(term in user.name.lower() for user in world.teachers_of(course))
