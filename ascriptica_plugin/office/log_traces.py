"""Removes a person from what the activity log says about others. It may have millions of entries, so it is searched
in parts.

An email that belongs to somebody else by now stays, or the activity log would lose what that person did.
"""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from ..ledger import activity
from ..shared.language import mark
from ..shared.said import Said
from ..tables.columns import begin_writing
from ..tables.ledger import Match
from ..tables.office import LogEntry, Participant
from . import people, traces
from .emails import spellings

ENTRIES = 20_000
"""How many entries are read in one unit of work."""

SOMEBODY = mark("an erased participant")


@dataclass
class LogTraces:
    """What may name one participant in the activity log. `emails` are all spellings of their emails, `free` those that
    nobody else has now, `canvas_ids` their Canvas users, `signed_as` the names under which entries about them were
    made."""

    participant_id: int
    emails: set[str]
    free: set[str]
    canvas_ids: set[int]
    signed_as: set[str] = field(compare=False)
    in_files: set[str]
    """Words of their name and emails that a file's name may contain."""
    of_others: set[str] = field(default_factory=set, compare=False)
    """Those of `signed_as` under which entries about others were made too, so they are not the participant."""
    searched_upto: int = field(default=0, compare=False)

    @property
    def texts(self) -> set[str]:
        """The texts by which an entry's words may name the person."""
        # `sync.users` writes the numbers of the users among whom somebody has to choose.
        return self.free | {f"Canvas ID {canvas_user_id}" for canvas_user_id in self.canvas_ids}


def look_for(session: Session, participant: Participant) -> LogTraces:
    """What the activity log has to be searched for."""
    emails = spellings(people.emails_of(session, participant))
    users = select(Match.canvas_user_id).where(Match.participant_id == participant.id)
    about = select(LogEntry.who).where(LogEntry.participant_id == participant.id, LogEntry.who != activity.US)
    return LogTraces(
        participant.id,
        emails,
        emails - people.of_others(session, participant, emails),
        {number for number in session.scalars(users) if number is not None},
        set(session.scalars(about.distinct())),
        traces.words_of(participant.name, emails),
    )


def last_entry(session: Session) -> int:
    """The newest entry's number; 0 if there is none."""
    return session.scalar(select(func.max(LogEntry.id))) or 0


def take_out(session: Session, of: LogTraces, after: int, upto: int) -> None:
    """Remove the participant from the entries with these numbers, and commit. Writes only entries that name them."""
    here = (LogEntry.id > after, LogEntry.id <= upto)
    mine = LogEntry.participant_id == of.participant_id
    others = or_(LogEntry.participant_id != of.participant_id, LogEntry.participant_id.is_(None))
    who = traces.saying(session, LogEntry.who, of.emails, mine, *here, whole=True)
    who |= traces.saying(session, LogEntry.who, of.free, *here, whole=True)
    words = traces.saying(session, LogEntry.words, of.texts, *here)
    files = _files(session, of, *here)
    also = select(LogEntry.who).where(*here, LogEntry.who.in_(of.signed_as - of.of_others), others)
    of.of_others |= set(session.scalars(also.distinct()))
    # SQLite can't write in a transaction that has read, if somebody else has written meanwhile.
    session.commit()
    if who or words or files:
        begin_writing(session)
        traces.put(session, LogEntry.who, who, SOMEBODY)
        for number, said in files.items():
            traces.put(session, LogEntry.words, [number], said)
        traces.put(session, LogEntry.words, words, "")
        session.commit()


def _files(session: Session, of: LogTraces, *here: ColumnElement[bool]) -> dict[int, Said]:
    """New words for entries about imported files whose names contain one of `of.in_files`, by the entry's number: the
    same words without the file's name."""
    found = session.execute(select(LogEntry.id, LogEntry.words).where(*here, LogEntry.what == "imported"))
    named = [(number, words) for number, words in found if isinstance(words, Said) and words.code == "import_of"]
    return {
        number: Said("import", file=words.about["file"], done=words.about["done"])
        for number, words in named
        if traces.names_one(words.about["name"], of.in_files)
    }
