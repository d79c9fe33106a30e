"""What a row of each kind of file does: courses, participants and registrations, by the same rules as their pages.

Knows the tables and the rules; no Flask. Never commits. A blank cell leaves what there is, and a row that contradicts
an earlier one is refused, so that the same rows again change nothing. A dry run only reads, so that it holds no lock
that a registration would wait for, and remembers what it would have changed.
"""

import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from ... import activity
from ...canvas import addresses
from ...ledger import claims
from ...tables.canvas import load_settings
from ...tables.office import Association, Course, Participant, Registration
from .. import courses, people, places, waitlist
from .file import Row

Now = Callable[[], datetime]


class Refused(Exception):
    """One row can't be taken; the text is the reason. Reports keep it, so it names nobody: the line tells who it is."""


class Kind(ABC):
    """One import's way of taking rows of one kind.

    `about` are the columns that say what a row is about; `seen` is the row that was taken for each of these, so that
    none is contradicted.
    """

    about: tuple[str, ...]

    def __init__(self, session: Session, now: Now, by: str, dry_run: bool):
        self.session, self.clock, self.by, self.dry_run = session, now, by, dry_run
        self.seen: dict[tuple, Row] = {}

    def in_order(self, rows: list[Row]) -> list[Row]:
        """All rows, in the order in which they are to be taken."""
        return rows

    def outcomes(self, batch: list[Row]) -> Iterator[tuple[Row, "str | Refused"]]:
        """For each row `made`, `changed`, `unchanged`, or why it is refused; the changes are made unless dry."""
        self.now = self.clock()
        readable = [row for row in batch if not row.problem]
        self.look_up(readable)
        in_batch: dict[tuple, Row] = {}
        for row in batch:
            try:
                if row.problem:
                    raise Refused(row.problem)
                before = self.seen.get(self.key(row)) or in_batch.get(self.key(row))
                outcome = self.take(row) if before is None else self.again(row, before)
                in_batch.setdefault(self.key(row), row)
            except (Refused, ValueError) as reason:
                yield row, Refused(str(reason))
            else:
                yield row, outcome
        if not self.dry_run:
            self.finish()

    def again(self, row: Row, before: Row) -> str:
        """Decide on a row about what an earlier one was about."""
        if any(row.cells[name] != before.cells.get(name) for name in row.cells if name not in self.about):
            raise Refused(f"Line {before.line} says otherwise about the same {' and '.join(self.about)}.")
        return "unchanged"

    def key(self, row: Row) -> tuple:
        """What the row is about, whatever its case."""
        return tuple(row.cells.get(name, "").lower() for name in self.about)

    @abstractmethod
    def look_up(self, rows: list[Row]) -> None:
        """Find what the rows are about, at once for all of them."""

    @abstractmethod
    def take(self, row: Row) -> str:
        """Decide on one row, the first about its key. Raises Refused, or ValueError with a sentence."""

    def finish(self) -> None:
        """Write what is better written at once for the batch; most imports have nothing left by then."""
        return


class Participants(Kind):
    about = ("email",)

    def look_up(self, rows: list[Row]) -> None:
        emails = [row.cells["email"] for row in rows]
        self.found = people.by_email(self.session, emails)
        self.leaving = people.being_erased(self.session, emails)
        self.made: list[Participant] = []

    def take(self, row: Row) -> str:
        found = self.found.get(row.cells["email"].lower(), [])
        if len(found) > 1:
            raise Refused(f"{len(found)} participants have this email. Correct them on the page Participants.")
        name, sis_user_id = row.cells.get("name", ""), row.cells.get("sis_user_id", "")
        facts = {"name": people.read_name(name)} if name else {}
        facts |= {"sis_user_id": people.read_sis_user_id(sis_user_id)} if sis_user_id else {}
        if not found:
            if row.cells["email"].lower() in self.leaving:
                # The file may be older than the wish to be erased.
                raise Refused("Somebody with this email is being erased. Send this row again when that is done.")
            email = people.read_email(row.cells["email"])
            if not name:
                raise Refused("A new participant needs a name.")
            self.made.append(Participant(email=email, **{"sis_user_id": None} | facts))
            return "made"
        [participant] = found
        if all(getattr(participant, fact) == value for fact, value in facts.items()):
            return "unchanged"
        if not self.dry_run:
            people.correct(self.session, participant, self.now, self.by, **facts)
        return "changed"

    def finish(self) -> None:
        self.session.add_all(self.made)
        self.session.flush()
        for participant in self.made:
            activity.note(self.session, self.now, self.by, "added", "by import", participant_id=participant.id)


class Courses(Kind):
    about = ("code",)

    def look_up(self, rows: list[Row]) -> None:
        self.found = _courses(self.session, [row.cells["code"] for row in rows], lock=not self.dry_run)
        self.connection = load_settings(self.session).connection

    def take(self, row: Row) -> str:
        cells = row.cells
        course = self.found.get(cells["code"].lower())
        facts = _course_facts(cells, course)
        place = self._place(cells, course)
        if course is None:
            if not self.dry_run:
                self._save(Course(code=cells["code"], places_taken=0), facts, place, "made a course")
            return "made"
        facts = {name: value for name, value in facts.items() if value != getattr(course, name)}
        if not facts and place is None:
            return "unchanged"
        if not self.dry_run:
            self._save(course, facts, place, "changed a course")
        return "changed"

    def _place(self, cells: dict[str, str], course: Course | None) -> tuple[str, str] | None:
        """Canvas course and section where they are others than now; None leaves the association as it is."""
        now = course.association if course else None
        typed, section = cells.get("canvas_course", ""), cells.get("canvas_section", "")
        canvas_url = self.connection.canvas_url if self.connection else None
        if typed:
            typed = addresses.canvas_course(typed, canvas_url)
        elif section and now is None:
            raise Refused("Name the Canvas course that the section belongs to.")
        if section:
            section = addresses.canvas_section(section, canvas_url)
        if max(len(typed), len(section)) > 300:
            raise Refused("That is too long for a Canvas course or section.")
        if now is None:
            return (typed, section) if typed else None
        wanted = typed or now.canvas_course
        if wanted == now.canvas_course:
            section = section or now.canvas_section
        is_here = now.connection_id == (self.connection.id if self.connection else None)
        same = (wanted, section) == (now.canvas_course, now.canvas_section)
        return None if same and (is_here or not typed) else (wanted, section)

    def _save(self, course: Course, facts: dict, place: tuple[str, str] | None, what: str) -> None:
        more_may_fit = course.id is not None and "capacity" in facts
        for name, value in facts.items():
            setattr(course, name, value)
        self.session.add(course)
        self.session.flush()
        words = ", ".join(f"{name}: {value}" for name, value in facts.items())
        if place is not None:
            courses.associate(self.session, course, self._association(*place), self.now)
            self.session.info[claims.RANG] = True
            words += f"{', ' if words else ''}Canvas course: {' '.join(place).strip()}"
        if more_may_fit:
            waitlist.move_up(self.session, course, self.now)
        activity.note(self.session, self.now, self.by, what, f"{words} (by import)", course_id=course.id)

    def _association(self, canvas_course: str, canvas_section: str) -> Association:
        """One that is to be looked up; what was known of another one before is gone."""
        return Association(
            connection_id=self.connection.id if self.connection else None,
            canvas_course=canvas_course,
            canvas_section=canvas_section,
            canvas_course_id=None,
            canvas_section_id=None,
            canvas_course_name="",
            canvas_section_name="",
            published=True,
            concluded=False,
            looked_up_at=None,
            look_up_at=self.now,
            problem=None,
        )


def _courses(session: Session, codes: list[str], *, lock: bool) -> dict[str, Course]:
    """The courses with these codes, under the code in small letters; locked in one order, so that none waits in a
    circle."""
    statement = (
        select(Course)
        .where(func.lower(Course.code).in_({code.lower() for code in codes}))
        .options(joinedload(Course.association))
        .order_by(Course.id)
    )
    if lock:
        statement = statement.with_for_update(of=Course).execution_options(populate_existing=True)
    return {course.code.lower(): course for course in session.scalars(statement)}


def _course_facts(cells: dict[str, str], course: Course | None) -> dict:
    """The columns of Course that the row gives. Raises Refused."""
    code, title, capacity = cells["code"], cells.get("title", ""), cells.get("capacity", "")
    if len(code) > 40 or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", code):
        raise Refused("A code has 1 to 40 letters, digits, dots, dashes and underscores.")
    if course is None and not title:
        raise Refused("A new course needs a title.")
    if len(title) > 255:
        raise Refused("Keep the title to 255 characters.")
    if title and not people.shows(title):
        raise Refused("Give the course a title that can be seen.")
    facts: dict = {"title": title} if title else {}
    if capacity:
        if not re.fullmatch("[0-9]{1,7}", capacity) or int(capacity) > 1_000_000:
            raise Refused("The capacity has to be a whole number, or blank.")
        facts["capacity"] = int(capacity)
        if course is not None and facts["capacity"] < course.places_taken:
            raise Refused(f"{course.places_taken} people are registered, more than {capacity}.")
    return facts


def _status(row: Row) -> str:
    return row.cells.get("status", "").lower()


@dataclass
class _Places:
    """A course's places while an import goes through it, by the rules of `registrations`.

    `waiting` are the participants on the waitlist in their order, `moved` those whom the import moves up.
    """

    capacity: int | None
    taken: int
    waiting: list[int]
    takes_people: bool
    moved: set[int] = field(default_factory=set)

    def move_up(self) -> None:
        free = len(self.waiting) if self.capacity is None else max(0, self.capacity - self.taken)
        moving = self.waiting[:free] if self.takes_people else []
        self.taken += len(moving)
        self.waiting = self.waiting[len(moving) :]
        self.moved |= set(moving)

    @property
    def is_full(self) -> bool:
        return bool(self.waiting) or (self.capacity is not None and self.taken >= self.capacity)


class Registrations(Kind):
    """Set-based, since 10,000 of `registrations.register` would take minutes; the rules are the same."""

    about = ("email", "course")

    def __init__(self, *args):
        super().__init__(*args)
        self.places: dict[int, _Places] = {}

    def in_order(self, rows: list[Row]) -> list[Row]:
        """Withdrawals first, so that their places are free, and course by course, so that few are locked at a time."""
        return sorted(rows, key=lambda row: (_status(row) != "withdrawn", row.cells.get("course", "").lower()))

    def look_up(self, rows: list[Row]) -> None:
        self.courses = _courses(self.session, [row.cells["course"] for row in rows], lock=not self.dry_run)
        self.people = people.by_email(self.session, [row.cells["email"] for row in rows])
        ids = [course.id for course in self.courses.values()]
        live = select(Registration).where(
            Registration.course_id.in_(ids),
            Registration.participant_id.in_([one.id for found in self.people.values() for one in found]),
            Registration.status != "withdrawn",
        )
        live = live.execution_options(populate_existing=True)
        self.live = {(one.course_id, one.participant_id): one for one in self.session.scalars(live)}
        waiting: dict[int, list[int]] = {course_id: [] for course_id in ids}
        in_line = select(Registration.course_id, Registration.participant_id).order_by(Registration.id)
        in_line = in_line.where(Registration.course_id.in_(ids), Registration.status == "waitlisted")
        for course_id, participant_id in self.session.execute(in_line):
            waiting[course_id].append(participant_id)
        now_there = {
            course.id: _Places(
                course.capacity,
                course.places_taken,
                waiting[course.id],
                places.why_closed(course, self.now, to_the_office=True) is None,
            )
            for course in self.courses.values()
        }
        # A dry run remembers what it would have changed.
        self.places = now_there | self.places if self.dry_run else now_there
        self.entering: dict[Course, list[Participant]] = defaultdict(list)
        self.leaving: dict[Course, list[Registration]] = defaultdict(list)

    def take(self, row: Row) -> str:
        status = _status(row)
        if status not in ("registered", "withdrawn"):
            raise Refused("The status has to be registered or withdrawn.")
        course = self.courses.get(row.cells["course"].lower())
        if course is None:
            raise Refused("There is no course with this code.")
        participant = self._participant(row.cells["email"])
        live = self.live.get((course.id, participant.id))
        return self._enter(course, participant, live) if status == "registered" else self._leave(course, live)

    def _participant(self, email: str) -> Participant:
        found = self.people.get(email.lower(), [])
        if not found:
            raise Refused("There is no participant with this email. Import participants first.")
        if len(found) > 1:
            raise Refused(f"{len(found)} participants have this email. Correct them on the page Participants.")
        return found[0]

    def _enter(self, course: Course, participant: Participant, live: Registration | None) -> str:
        its = self.places[course.id]
        if live is not None and live.status == "waitlisted" and participant.id not in its.moved:
            raise Refused(f"This person is on the waitlist of {course.title}.")
        if live is not None:
            return "unchanged"
        if reason := places.why_closed(course, self.now, to_the_office=True):
            raise Refused(reason)
        its.move_up()
        if its.is_full:
            raise Refused(f"{course.title} is full.")
        its.taken += 1
        self.entering[course].append(participant)
        return "made"

    def _leave(self, course: Course, live: Registration | None) -> str:
        if live is None:
            return "unchanged"
        its = self.places[course.id]
        if live.participant_id in its.waiting:
            its.waiting.remove(live.participant_id)
        else:
            its.taken -= 1
        its.move_up()
        self.leaving[course].append(live)
        return "changed"

    def finish(self) -> None:
        for course, leaving in self.leaving.items():
            self._withdraw(course, leaving)
        for course in self.courses.values():
            if self.places[course.id].moved:
                waitlist.move_up(self.session, course, self.now)
        for course, entering in self.entering.items():
            self._register(course, entering)

    def _register(self, course: Course, entering: list[Participant]) -> None:
        made = [
            Registration(course_id=course.id, participant_id=one.id, status="registered", registered_at=self.now)
            for one in entering
        ]
        course.places_taken += len(made)
        self.session.add_all(made)
        self.session.flush()
        # Only these: looking through the whole course for each batch would take longer the more are in it.
        claims.claim(self.session, course.id, self.now, [one.id for one in made])
        self._note("registered", course, entering)

    def _withdraw(self, course: Course, leaving: list[Registration]) -> None:
        had_place = [one for one in leaving if one.status == "registered"]
        waited = [one for one in leaving if one.status == "waitlisted"]
        self._note("withdrew", course, [one.participant for one in had_place])
        self._note("left the waitlist", course, [one.participant for one in waited])
        self.session.execute(
            update(Registration)
            .where(Registration.id.in_([one.id for one in leaving]))
            .values(status="withdrawn", withdrawn_at=self.now)
            .execution_options(synchronize_session=False)
        )
        course.places_taken -= len(had_place)
        self.session.flush()
        claims.end_for(self.session, Registration.id.in_([one.id for one in had_place]), self.now)

    def _note(self, what: str, course: Course, whom: list[Participant]) -> None:
        for one in whom:
            activity.note(
                self.session, self.now, self.by, what, "by import", participant_id=one.id, course_id=course.id
            )


KINDS = {"courses": Courses, "participants": Participants, "registrations": Registrations}
