"""Tools → Courses: the list."""

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.orm import joinedload

from ...ledger import entering
from ...office import waitlist
from ...office.courses import by_start, by_title, called
from ...shared import clock
from ...tables.office import Association, Course
from ..address_values import typed_search
from ..base import blueprint, session, settings
from ..guards import for_administrators
from ..paging import Key, Part, page_of_parts
from ..showing import show


@blueprint.get("/tools/courses")
@for_administrators
def courses() -> ResponseReturnValue:
    """Courses with their dates, places, waitlists and Canvas courses. Those that have ended come last, the latest of
    them first."""
    q, now = typed_search("q"), clock.utc_now()
    is_over = or_(Course.cancelled_at.is_not(None), func.coalesce(Course.ends_at <= now, false()))
    sort = request.args.get("sort") if request.args.get("sort") in ("name", "time") else None
    which = select(Course.id).where(*(found_by(word) for word in q.split()))
    numbers = which.with_only_columns(func.count(), func.count().filter(~is_over))
    total, number_coming = session().execute(numbers).one()
    if sort:
        parts = [Part(which, [Key({"name": by_title(), "time": by_start()}[sort]), Key(Course.id)], total)]
    else:
        parts = [
            Part(which.where(~is_over), [Key(by_start()), Key(Course.id)], number_coming),
            Part(which.where(is_over), [Key(by_start(), descending=True), Key(Course.id, descending=True)]),
        ]
    page = page_of_parts(session(), parts)
    ids = [number for (number,) in page.rows]
    current = settings()
    connection = current.connection if current.display_canvas else None
    found = {
        one.id: one
        for one in session().scalars(select(Course).where(Course.id.in_(ids)).options(joinedload(Course.association)))
    }
    return show(
        "ascriptica/courses.html",
        courses=[found[number] for number in ids],
        waiting=waitlist.lengths(session(), ids),
        total=total,
        page=page,
        q=q,
        sort=sort,
        now=now,
        connection_id=current.connection_id,
        entering=entering.of_courses(session(), connection, ids, now) if connection else {},
    )


def found_by(word: str) -> ColumnElement[bool]:
    """Condition on Course: the word is in its code, its title, or the name of its Canvas course."""
    in_canvas = select(Association.course_id).where(Association.canvas_course_name.icontains(word, autoescape=True))
    return or_(called(word), Course.id.in_(in_canvas))
