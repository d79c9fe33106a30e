"""Canvas's rules for courses and sections. No HTTP. A function that raises leaves the world unchanged."""

from collections.abc import Mapping

from .records import Course, Section, Token, as_time
from .rules import Refused, is_true, may
from .rules_enrollments import set_state
from .world import World

EVENTS = {
    "offer": "available",
    "claim": "claimed",
    "conclude": "completed",
    "delete": "deleted",
    "undelete": "claimed",
}


def change_course(world: World, course: Course, event: str) -> None:
    """Publish (offer), unpublish (claim), conclude, delete, undelete; Course#update_enrolled_users (models/course.rb).

    The enrollments of a deleted course become deleted too, and stay deleted when the course comes back.
    """
    if event not in EVENTS:
        raise Refused({"message": f"Invalid event {event}"})
    course.workflow_state = EVENTS[event]
    for row in world.rows_of(course_id=course.id):
        if event == "conclude" and row.workflow_state in ("active", "invited"):
            set_state(world, row, "completed")
        elif event == "delete" and row.workflow_state != "deleted":
            set_state(world, row, "deleted")
    world.changed()


def create_section(world: World, caller: Token, course: Course, wish: Mapping[str, str]) -> Section:
    """Make a section. Without a SIS id, a repeated request makes a second one (sections_controller.rb, create)."""
    sis_section_id = (wish.get("sis_section_id") or None) if may(caller, "manage_sis") else None
    start_at, end_at = as_time(wish.get("start_at")), as_time(wish.get("end_at"))
    if start_at and end_at and end_at < start_at:
        raise _invalid("end_at", "End date cannot be before start date")
    if sis_section_id and any(one.sis_section_id == sis_section_id for one in world.sections.values()):
        raise _invalid("sis_source_id", f'SIS ID "{sis_section_id}" is already in use')
    return world.add_section(
        course,
        wish.get("name") or course.name,
        sis_section_id=sis_section_id,
        start_at=start_at,
        end_at=end_at,
        restrict_enrollments_to_section_dates=is_true(wish.get("restrict_enrollments_to_section_dates")),
    )


def _invalid(attribute: str, message: str) -> Refused:
    return Refused({"errors": {attribute: [{"attribute": attribute, "type": message, "message": message}]}})


def delete_section(world: World, section: Section) -> None:
    """Delete a section. Raises Refused while enrollments use it (sections_controller.rb, destroy)."""
    rows = [row for row in world.rows_of(course_id=section.course_id) if row.course_section_id == section.id]
    if any(row.workflow_state not in ("deleted", "rejected") for row in rows):
        raise Refused({"message": "You can't delete a section that has enrollments"})
    for row in rows:
        set_state(world, row, "deleted")
    section.workflow_state = "deleted"
    world.changed()
