"""The brake: one act that would remove many people of a course has to be confirmed with their number."""

from typing import NamedTuple


class Brake(NamedTuple):
    """The limits: the number of people of a course, and the percentage, above which removing them has to be
    confirmed."""

    people: int
    percent: int

    def stops(self, removed: int, of: int) -> bool:
        """Whether removing so many of a course's people has to be confirmed with their number; one person never has."""
        return removed > 1 and (removed > self.people or removed * 100 > self.percent * of)
