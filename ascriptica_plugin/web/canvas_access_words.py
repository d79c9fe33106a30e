"""The shape in which pages get somebody's access to a Canvas course, and the words for registered and withdrawn people
alike."""

from dataclasses import dataclass
from datetime import datetime

from ..canvas import addresses
from ..ledger.access import Row
from ..ledger.causes import CAUSES
from ..shared.language import Marked, mark, t
from ..tables.canvas import Connection
from .tracker import Step

READ_ONLY: Marked[str] = "You can still read the Canvas course, and can't take part any more."


@dataclass(frozen=True)
class CanvasAccess:
    """One registration's access in words: `text` for the participant, `office` for administrators.

    `tone` is the mark beside `text`, `office_tone` the one beside `office`. settled: they can enter; quiet: there is
    nothing to do; waiting: nobody has to act; stuck: somebody has to act. `moving`: the page updates itself. `held`:
    the access waits for Canvas as a whole. `seen_at` is when Canvas last showed what `office` says. `beside` is shown
    after both: what else we know, which Canvas did not show. `link` leads to the Canvas course, as `link_says`.
    `login` is what they sign in with there, `way_in` how somebody new to Canvas signs in. `waits_for` is what the
    office can do: "answer", "try" (again), or nothing. `steps` lead from the registration to the Canvas course; only
    registered people have them.
    """

    text: str
    office: str
    tone: str
    office_tone: str = ""
    beside: str = ""
    moving: bool = False
    held: bool = False
    seen_at: datetime | None = None
    link: str | None = None
    link_says: str = mark("Open in Canvas")
    login: str | None = None
    way_in: str = ""
    waits_for: str = ""
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if not self.office_tone:
            object.__setattr__(self, "office_tone", self.tone)

    @property
    def in_a_cell(self) -> str:
        """What administrators read, without a time."""
        return f"{self.office}; {self.beside}" if self.beside else self.office


def being_checked(row: Row | None, begins: str = "") -> CanvasAccess:
    """Canvas was restored from a backup, and what was seen before may have changed."""
    cause, seen_at = CAUSES["canvas_restored"], row.seen_at if row is not None else None
    text = both(begins, t("We are checking everything with Canvas.")) if begins else cause.participant
    return CanvasAccess(text, cause.title, "waiting", moving=True, seen_at=seen_at)


def both(*sentences: str) -> str:
    """The sentences one after the other."""
    return " ".join(sentences)


def course_address(connection: Connection, canvas_course_id: int) -> str:
    """The Canvas course's own page."""
    return addresses.course_page(connection.canvas_url, canvas_course_id)
