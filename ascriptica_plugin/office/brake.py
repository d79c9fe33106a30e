"""The brake: an act that would remove many people from a course has to be confirmed by typing their number."""

from typing import NamedTuple


class Brake(NamedTuple):
    """The limits above which removing people from a course has to be confirmed: a number, and a percentage."""

    people: int
    percent: int

    def stops(self, removed: int, of: int) -> bool:
        """Whether removing this many of a course's people has to be confirmed. Removing one person never has to be."""
        return removed > 1 and (removed > self.people or removed * 100 > self.percent * of)
