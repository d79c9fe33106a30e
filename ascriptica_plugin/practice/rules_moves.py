"""Canvas's rules for what moves people and their enrollments: merging users (lib/user_merge.rb) and cross-listing
sections (models/course_section.rb). No HTTP. A function that raises leaves the world unchanged.

An enrollment that moves keeps its id and its `created_at`.
"""

from dataclasses import replace
from typing import Any

from .records import Course, Enrollment, Section, User
from .rules import Refused
from .rules_enrollments import set_state
from .world import World

#: Of two enrollments that become one the better state is kept; the best comes first.
BEST_FIRST = ("active", "invited", "creation_pending", "completed", "rejected", "inactive", "deleted")


def merge_users(world: World, source: User, target: User) -> None:
    """Logins with their SIS ids, emails, tokens and enrollments move to the target; the source is deleted.

    So the source's logins and SIS ids lead to the target, and the source's number leads nowhere.
    """
    _merge_enrollments(world, source, target)
    for login in world.logins_of_user.pop(source.id, []):
        login.user_id = target.id
        world.logins_of_user[target.id].append(login)
        # They come after the target's own, in a world that is read again too.
        world.logins[login.id] = world.logins.pop(login.id)
    emails: dict[str, str] = {}
    for email in (target.email, *target.other_emails, source.email, *source.other_emails):
        if email:
            emails.setdefault(email.lower(), email)
    target.email, target.other_emails = next(iter(emails.values()), None), [*emails.values()][1:]
    source.email, source.other_emails = None, []
    for token in world.tokens.values():
        if token.user_id == source.id:
            token.user_id = target.id
    source.workflow_state = "deleted"
    world.index_user(source)
    world.index_user(target)
    world.changed()


def _merge_enrollments(world: World, source: User, target: User) -> None:
    """UserMerge#move_enrollments: first the observers' students, then the enrollments."""
    observers = [row for row in world.enrollments.values() if row.associated_user_id == source.id]
    for rows, field in ((observers, "associated_user_id"), (world.rows_of(user_id=source.id), "user_id")):
        for row in rows:
            there: dict[str, Any] = {field: target.id}
            twin = world.enrollment_by_key.get(replace(row, **there).key)
            if twin:
                _keep_one(world, row, twin)
        for row in rows:
            observes_self = {row.user_id, row.associated_user_id} <= {source.id, target.id}
            if observes_self and row.workflow_state != "deleted":
                set_state(world, row, "deleted")
            if row.workflow_state != "deleted":
                world.move_enrollment(row, **{field: target.id})
                row.updated_at = world.now()


def _keep_one(world: World, row: Enrollment, twin: Enrollment) -> None:
    """The target's own enrollment, `twin`, survives with the better state of the two; the source's is deleted, and
    stays with the source."""
    better = min(row, twin, key=lambda one: BEST_FIRST.index(one.workflow_state))
    if better is row:
        twin.workflow_state = row.workflow_state
    if row.workflow_state != "deleted":
        set_state(world, row, "deleted")


def crosslist(world: World, section: Section, course: Course) -> None:
    """CourseSection#crosslist_to_course: the first home is remembered, also through a second move."""
    if section.course_id != course.id:
        section.nonxlist_course_id = section.nonxlist_course_id or section.course_id
        _move_section(world, section, course)


def uncrosslist(world: World, section: Section) -> None:
    """CourseSection#uncrosslist: a home that was deleted meanwhile comes back, unpublished."""
    if section.nonxlist_course_id is None:
        raise Refused({"message": "section is not cross-listed"})
    home = world.courses[section.nonxlist_course_id]
    if home.workflow_state == "deleted":
        home.workflow_state = "claimed"
    section.nonxlist_course_id = None
    if section.course_id != home.id:
        _move_section(world, section, home)
    world.changed()


def _move_section(world: World, section: Section, course: Course) -> None:
    """CourseSection#move_to_course: all enrollments go along, deleted ones too; the section is the course's default one
    only if it is alone there."""
    rows = [row for row in world.rows_of(course_id=section.course_id) if row.course_section_id == section.id]
    alone = all(one.workflow_state != "active" for one in world.sections_of_course[course.id])
    world.sections_of_course[section.course_id].remove(section)
    section.course_id, section.default_section = course.id, alone
    world.sections_of_course[course.id].append(section)
    now = world.now()
    for row in rows:
        world.move_enrollment(row, course_id=course.id)
        if row.workflow_state != "deleted":
            row.updated_at = now
    world.changed()
