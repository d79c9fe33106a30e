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

#: When two enrollments become one, the better state is kept; the best comes first.
BEST_FIRST = ("active", "invited", "creation_pending", "completed", "rejected", "inactive", "deleted")


def merge_users(world: World, source: User, target: User) -> None:
    """Logins with their SIS ids, emails, tokens and enrollments move to the target; the source is deleted.

    So the source's logins and SIS ids lead to the target, and the source's id leads nowhere.
    """
    _merge_enrollments(world, source, target)
    for login in world.logins_of_user.pop(source.id, []):
        login.user_id = target.id
        world.logins_of_user[target.id].append(login)
        # They come after the target's own, also when the world is read from its file again.
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
    """Move the source's enrollments, first those of its observers, then its own (UserMerge#move_enrollments)."""
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
    """Keep the target's own enrollment, `twin`, with the better state of the two. The source's is deleted, and stays
    with the source."""
    better = min(row, twin, key=lambda one: BEST_FIRST.index(one.workflow_state))
    if better is row:
        twin.workflow_state = row.workflow_state
    if row.workflow_state != "deleted":
        set_state(world, row, "deleted")


def crosslist(world: World, section: Section, course: Course) -> None:
    """Move a section to another course. The first course is remembered, even after a second move
    (CourseSection#crosslist_to_course)."""
    if section.course_id != course.id:
        section.nonxlist_course_id = section.nonxlist_course_id or section.course_id
        _move_section(world, section, course)


def uncrosslist(world: World, section: Section) -> None:
    """Move a section back to its first course. If that was deleted meanwhile, it comes back, unpublished. Raises
    Refused for a section that is not cross-listed (CourseSection#uncrosslist)."""
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
    """Move the section and all its enrollments, deleted ones too. It is the course's default section only if it is
    alone there (CourseSection#move_to_course)."""
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
