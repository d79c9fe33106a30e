"""A group of what waits: everybody who waits for the same thing, in which of our courses, and how urgent that is."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .causes import CAUSES, Cause

SOMEDAY = timedelta(days=90)
"""In the order of the groups, a course without a start counts as this far away."""


@dataclass
class Where:
    """One of our courses in a group: `people` says how many wait, `registered` how many are registered; `words` are
    about this course only. `leaving` of them have withdrawn and wait to be taken out. `changed` counts them by what
    somebody did by hand in Canvas. `blocked_people` fills in both."""

    code: str
    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    registered: int
    canvas_course_id: int | None
    people: int
    words: str = ""
    leaving: int = 0
    changed: dict[str, int] = field(default_factory=dict)

    def weight(self, now: datetime) -> float:
        """The number of people, weighted by how soon their course starts. A course that runs already weighs as much as
        one that starts in an hour."""
        starts = self.starts_at - now if self.starts_at else SOMEDAY
        if self.ends_at and self.ends_at <= now:
            starts = SOMEDAY * 4
        return self.people / max(starts / timedelta(hours=1), 1)


@dataclass
class Group:
    """Everybody who waits for the same thing. `given_up` of them are not tried again automatically."""

    name: str
    scope: str
    people: int
    detail: str | None = None
    given_up: int = 0
    courses: list[Where] = field(default_factory=list)

    @property
    def cause(self) -> Cause:
        """The entry of `CAUSES` that they wait for."""
        return CAUSES[self.name]

    @property
    def remedy(self) -> str:
        """What to do about it, in the present language."""
        return self.cause.remedy(self.scope, self.detail)
