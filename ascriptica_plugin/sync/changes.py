"""Notices that Canvas can be read and takes no changes, or that one Canvas course takes none.

One failure may be about one person. Many in a row, of different people, with no change answered in between, are not.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from .. import retry


@dataclass
class Changes:
    """What Canvas said to the latest changes that this process asked for, on one connection."""

    _in_a_row: dict[int, int | None] = field(default_factory=dict)
    """The Canvas courses of the latest changes that failed, by participant; None: not in a course."""
    _of_courses: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The participants of the latest changes that failed, by Canvas course."""
    _rests: dict[int, datetime] = field(default_factory=dict)
    """Canvas courses that take no changes, and until when they are left alone."""

    def answered(self, canvas_course_id: int | None) -> bool:
        """Canvas answered a change. Returns whether the course took none before."""
        self._in_a_row.clear()
        if canvas_course_id is None:
            return False
        self._of_courses.pop(canvas_course_id, None)
        return self._rests.pop(canvas_course_id, None) is not None

    def forget(self) -> None:
        """Canvas takes changes again."""
        self._in_a_row.clear()
        self._of_courses.clear()
        self._rests.clear()

    def failed(self, participant_id: int, canvas_course_id: int | None, now: datetime) -> bool:
        """Canvas failed at a change. Returns whether it takes none of anybody; if it is one course, that one rests."""
        self._in_a_row[participant_id] = canvas_course_id
        if canvas_course_id is not None:
            of_course = self._of_courses[canvas_course_id]
            of_course.add(participant_id)
            if len(of_course) >= retry.FAILED_CHANGES:
                self._rests[canvas_course_id] = now + retry.COURSE_PAUSE
        where = set(self._in_a_row.values())
        return len(self._in_a_row) >= retry.FAILED_CHANGES and (len(where) > 1 or None in where)

    def resting(self, now: datetime) -> dict[int, bool]:
        """The Canvas courses that take no changes; False: it is time for one of their people to try."""
        # A time later than any pause allows was set before the clock stepped back.
        return {number: now < until <= now + retry.COURSE_PAUSE for number, until in self._rests.items()}

    def at_rest(self, now: datetime) -> list[int]:
        """The Canvas courses that are left alone for now."""
        return [number for number, rests in self.resting(now).items() if rests]
