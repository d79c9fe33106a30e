"""The first line of a file: which of our columns each of its columns is. Knows nothing but names.

Our own names are taken as they are. Names that people and other programs use are only a guess, which a person confirms.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ...shared.formats import listed
from ...shared.language import Marked, mark, t
from ...tables.folding import fold
from .. import names
from ..emails import without_invisible

COLUMNS = {
    "courses": (
        "code",
        "title",
        "capacity",
        "starts_at",
        "ends_at",
        "registration_opens_at",
        "registration_closes_at",
        "canvas_course",
        "canvas_section",
    ),
    "participants": ("email", "name", "sis_user_id"),
    "registrations": ("email", "name", "sis_user_id", "course", "status"),
}
NEEDED = {"courses": {"code"}, "participants": {"email"}, "registrations": {"email", "course", "status"}}

EXPLAINED = {
    "code": (mark("short and unique; it is part of the course's address"), "FOOD-101"),
    "title": (mark("needed for a new course"), "Food Safety Basics"),
    "capacity": (mark("how many places there are"), "20"),
    "starts_at": (mark("the first day, with a time if it is known, in the office's time zone"), "2027-03-01 18:00"),
    "ends_at": (mark("the last day; without a time, the course ends at the end of that day"), "2027-04-26 20:00"),
    "registration_opens_at": (mark("from when people can register"), "2027-01-15"),
    "registration_closes_at": (
        mark("until when people can register; without a time, until the end of that day"),
        "2027-02-28 12:00",
    ),
    "canvas_course": (
        mark("the Canvas course's ID, its address, or sis_course_id: and its SIS ID"),
        "sis_course_id:FOOD-101",
    ),
    "canvas_section": (mark("a section's ID, or sis_section_id: and its SIS ID"), "sis_section_id:FOOD-101-M"),
    "email": (mark("the email that Canvas and we know the person by"), "ann@example.org"),
    "name": (mark("needed for somebody new; also first_name and last_name"), "Ann Lee"),
    "sis_user_id": (mark("the person's ID in the school's information system"), "S-1001"),
    "course": (mark("the code of one of our courses"), "FOOD-101"),
    "status": (
        mark(
            "registered or withdrawn. If the course is full, the row is refused, since a file puts nobody on the "
            "waitlist: give the course more places, or use the form on its roster."
        ),
        "registered",
    ),
}
"""What each column contains, and an example."""

CALLED: Marked[dict[str, str]] = {
    "code": "Code",
    "title": "Title",
    "capacity": "Places",
    "starts_at": "Starts",
    "ends_at": "Ends",
    "registration_opens_at": "Registration opens",
    "registration_closes_at": "Registration closes",
    "canvas_course": "Canvas course",
    "canvas_section": "Canvas section",
    "email": "Email",
    "name": "Name",
    "first_name": "First name",
    "last_name": "Last name",
    "sis_user_id": "SIS ID",
    "course": "The course's code",
    "status": "Registered or withdrawn",
}
"""What pages call each column."""

PARTS = dict.fromkeys(("participants", "registrations"), ("first_name", "last_name"))
"""Columns that together make up one of ours: a first and a last name make up a name."""


def plain(cell: str) -> str:
    """A column's name in words alone, without case, accents and signs: E-Mail → e mail."""
    return " ".join(re.findall(r"\w+", fold(without_invisible(cell)).replace("_", " ")))


def _any_of(*names: str) -> list[str]:
    return [plain(name) for several in names for name in several.split("|")]


PERSON = {
    "email": _any_of(
        "E-Mail|Email Address|E-mail Address|Mail|Primary Email|E-mail 1 - Value|User Email|Attendee Email",
        "E-Mail-Adresse|Emailadresse|Mailadresse|Courriel|Adresse e-mail|Adresse électronique|Adresse de courriel",
        "Correo|Correo electrónico|Dirección de correo|Электронная почта|Адрес электронной почты|Почта",
        "SIS Login ID|Login ID|Login|Username",
    ),
    "first_name": _any_of("First|Firstname|Given Name|Forename|Vorname|Rufname|Prénom|Имя|Attendee first name"),
    "last_name": _any_of(
        "Last|Lastname|Surname|Family Name|Nachname|Familienname|Nom de famille|Apellido|Apellidos|Apellido(s)",
        "Primer apellido|Фамилия|Attendee last name|Attendee Surname",
    ),
    "name": _any_of(
        "Full name|Fullname|Display Name|Student|Student name|Attendee name|Participant|Teilnehmer",
        "Teilnehmer/in|Teilnehmername|Vor- und Nachname|Name, Vorname|Nachname, Vorname|Last name, First name",
        "Vorname, Name|Vorname, Nachname|Vorname und Nachname|First name, Last name|First and last name",
        "Nom complet|Nom et prénom|Prénom et nom|Nom|Nombre completo|Nombre y apellidos|Apellidos y nombre|Nombre|ФИО",
    ),
    "sis_user_id": _any_of(
        "SIS ID|Student ID|ID number|Student number|Matrikelnummer|Matrikel|Numéro d’étudiant|Matrícula"
    ),
}
WORDS = {"email": frozenset(("email", "mail", "mailadresse", "mailbox", "mel", "courriel", "correo", "почта", "почты"))}
"""Words that show what a column is, although nobody can list all its names: E-Mail (privat), Adresse mail,
Kontakt-E-Mail."""

OTHER_NAMES = {
    "courses": {
        "code": _any_of("Course code|Course ID|Short name|Shortname|Course short name|Kurzname|Kurscode"),
        "title": _any_of("Course name|Course title|Long name|Full name|Fullname|Course full name|Titel|Kurstitel"),
        "capacity": _any_of("Places|Seats|Limit|Max|Plätze|Quantity Total"),
        "canvas_course": _any_of("Canvas course ID|Canvas ID"),
        "canvas_section": _any_of("Canvas section ID"),
    },
    "participants": PERSON,
    "registrations": {
        **PERSON,
        "course": _any_of("Course code|Course ID|Code|Kurs|Kurscode|Cours|Curso|Курс"),
        "status": _any_of("State|Registration status|Enrollment status|Enrolment status|Anmeldung|Statut|Estado"),
    },
}
"""Names that spreadsheets, mail programs, Canvas, Moodle and Eventbrite give to columns, the surest first."""


LAST_NAME = r"(?:(?:last|family) ?name|surname|nachname|familienname|name|nom(?: de famille)?|apellidos?|фамилия)"

LAST_AND_FIRST = re.compile(rf"\W*{LAST_NAME}(?:\s*,|\s+(?:and|und|et|y|и)\s)", re.IGNORECASE)
"""The name of a column with a last name, a comma and a first name in each cell: Name, Vorname; Apellidos y nombre."""

FIRST_AND_LAST = re.compile(rf"\W*(?:(?:first|given) ?name|vorname|prénom|nombre|имя)\s*,\s*{LAST_NAME}", re.IGNORECASE)
"""The same with the first name first: Vorname, Name."""

REASON = "reason"
"""Our column that says why a row is refused."""


class Unusable(Exception):
    """The file can't be used at all; the text is a sentence that says why."""


class OtherKind(Unusable):
    """The file can't be used as this kind; its columns are those of `kind`."""

    def __init__(self, reason: str, kind: str):
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True)
class Header:
    """The names in the first line, and for each our column that it is, or None. `certain`: none of them is a guess."""

    names: tuple[str, ...]
    columns: tuple[str | None, ...]
    certain: bool

    @property
    def orders_names(self) -> bool:
        """Whether the heading of the column of names says which part of a name comes before a comma."""
        return any(order.match(self._called("name")) for order in (LAST_AND_FIRST, FIRST_AND_LAST))

    def whole_name(self, cell: str) -> str:
        """The text of the column of names, with the first name first if the column's heading says which one that is."""
        first, comma, last = cell.partition(",")
        if FIRST_AND_LAST.match(self._called("name")) and comma and "," not in last:
            return f"{first.strip()} {last.strip()}"
        return names.first_name_first(cell) if LAST_AND_FIRST.match(self._called("name")) else cell

    def _called(self, column: str) -> str:
        """What the file calls this column of ours; "" if it has no such column."""
        return self.names[self.columns.index(column)] if column in self.columns else ""

    def shown(self, at: int) -> str:
        """What to call a column of the file; one without a name by its number."""
        return self.names[at][:60] or t("column {number}", number=at + 1)

    @property
    def ignored(self) -> list[str]:
        """The columns that we ignore, as a page calls them. The column of reasons, which our own files of refused rows
        have, is left out."""
        left = [at for at, column in enumerate(self.columns) if column is None]
        return [self.shown(at) for at in left if ours(self.names[at]) != REASON]


class ToConfirm(Exception):
    """Some columns have other names than ours. `header` is the guess for a person to confirm."""

    def __init__(self, header: Header):
        self.header = header


def fields(kind: str) -> tuple[str, ...]:
    """What a column of a file can be."""
    return COLUMNS[kind] + PARTS.get(kind, ())


def ours(cell: str) -> str:
    """The name as we would write it, with _ between words."""
    return re.sub(r"[\s_]+", "_", without_invisible(cell).strip('"').strip().lower())


def known(kind: str, cells: Sequence[str]) -> int:
    """How many of these are names of columns. Of two ways to split a line, the one with more of them is right."""
    names = {name for names in OTHER_NAMES[kind].values() for name in names} | {plain(name) for name in fields(kind)}
    return len({cell for cell in cells if plain(cell) in names})


def read(kind: str, cells: Sequence[str]) -> Header:
    """What the first line says, or may mean. Raises Unusable, which names everything that is wrong at once, or
    OtherKind if more of the columns fit another kind."""
    # Spreadsheets write delimiters even after the last column that is in use.
    while not cells[-1]:
        cells = cells[:-1]
    names = [ours(cell) for cell in cells]
    found = _found(kind, cells)
    guessed = _guessed(kind, cells, found)
    expected = t("The first line has to name the columns: {columns}.", columns=", ".join(COLUMNS[kind]))
    if doubled := [name for name in found if names.count(name) > 1]:
        twice = t("The column {names} appears twice.", names=f" {t('and the column')} ".join(doubled))
        raise Unusable(f"{twice} {expected}")
    if missing := NEEDED[kind] - guessed.keys():
        there = ", ".join(f"“{cell[:40]}”" for at, cell in enumerate(cells) if cell and at not in guessed.values())
        lacks = t("There is no column {names}.", names=f" {t('and no column')} ".join(sorted(missing)))
        has = t("We don't know these columns: {there}.", there=there) if there else ""
        reason, other = f"{lacks} {expected} {has}".rstrip(), _other_kind(cells, len(guessed))
        raise OtherKind(reason, other) if other else Unusable(reason)
    by_place = {at: column for column, at in guessed.items()}
    columns = tuple(by_place.get(at) for at in range(len(cells)))
    return Header(tuple(cells), columns, certain=guessed == found)


def _found(kind: str, cells: Sequence[str]) -> dict[str, int]:
    names = [ours(cell) for cell in cells]
    return {name: names.index(name) for name in COLUMNS[kind] if name in names}


def _other_kind(cells: Sequence[str], fewest: int) -> str | None:
    """The kind whose needed columns are all here, and that fits most columns: more than `fewest`."""
    fits = {kind: _guessed(kind, cells, _found(kind, cells)) for kind in COLUMNS}
    whole = [kind for kind in fits if fits[kind].keys() >= NEEDED[kind] and len(fits[kind]) > fewest]
    return max(whole, key=lambda kind: len(fits[kind]), default=None)


def _guessed(kind: str, cells: Sequence[str], found: dict[str, int]) -> dict[str, int]:
    """Our columns, with the place of each in the line: those with our names, and guesses for the others."""
    guessed, words = dict(found), [plain(cell) for cell in cells]

    def free(at: int) -> bool:
        return at not in guessed.values()

    for column in [column for column in OTHER_NAMES[kind] if column not in guessed]:
        others = [plain(column), *OTHER_NAMES[kind][column]]
        places = [words.index(name) for name in others if name in words and free(words.index(name))]
        guessed |= {column: places[0]} if places else {}
    for at, cell in enumerate(cells):
        near = get_close_matches(ours(cell), set(COLUMNS[kind]) - guessed.keys(), n=1, cutoff=0.75)
        guessed |= {near[0]: at} if near and free(at) and len(cell) < 40 else {}
    for column in [column for column in COLUMNS[kind] if column in WORDS and column not in guessed]:
        places = [at for at, name in enumerate(words) if free(at) and WORDS[column] & {*name.split()}]
        # The cell must not be a whole line that was split by another sign, or somebody's address.
        places = [at for at in places if len(cells[at]) < 40 and not re.search(r"[@,;|<>{}=]", cells[at])]
        guessed |= {column: places[0]} if places else {}
    if parts := PARTS.get(kind):
        _put_names_together(guessed, parts)
    return guessed


def _put_names_together(guessed: dict[str, int], parts: Sequence[str]) -> None:
    """Beside a first name alone, Name is the last one, as in German and French; beside a last name alone, the first."""
    missing = [part for part in parts if part not in guessed]
    if "name" in guessed and len(missing) == 1:
        guessed[missing[0]] = guessed.pop("name")
    elif "name" in guessed:
        guessed.pop("first_name", None)
        guessed.pop("last_name", None)


def confirmed(kind: str, names: Sequence[str], columns: Sequence[str | None]) -> Header:
    """The header as a person has confirmed it. Raises Unusable with a sentence."""
    given = [column for column in columns if column]
    if len(columns) != len(names) or not set(given) <= set(fields(kind)):
        raise Unusable(t("Choose for each column of the file what it is."))
    if doubled := sorted({column for column in given if given.count(column) > 1}):
        names = listed([t(CALLED[name]) for name in doubled])
        raise Unusable(t("Choose only one column for {names}.", names=names))
    if missing := sorted(NEEDED[kind] - set(given)):
        raise Unusable(t("Choose which column is the {names}.", names=f" {t('and the')} ".join(missing)))
    if "name" in given and {"first_name", "last_name"} & set(given):
        raise Unusable(t("Choose either a name, or a first and a last name."))
    return Header(tuple(names), tuple(columns), certain=True)
