"""Reads a pasted list of people: one person on each line, columns of a spreadsheet, or the recipients of a mail."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..shared.language import Marked, number, t
from ..tables.folding import fold
from . import emails, names, recipients
from .imports import header
from .imports.header import Header

MOST_LINES = 500
"""How many people a list may have, whether each is on a line of their own or not."""

LONGEST = 1000

BULLET = r"[•◦▪‣·*–—-]|\[[ xX]?\]|[☐☑☒□✓✔]|[a-zA-Z]\)"
MARK = re.compile(rf"#?\d+[.):]?|{BULLET}")
IN_FRONT = re.compile(rf"^(?:#?\d{{1,4}}[.):]|{BULLET})\s+")
BEFORE_A_NAME = re.compile(rf"^(?:#?\d{{1,4}}(?:[.):]|\s)|{BULLET})\s*")
"""The number, bullet or box that begins a line: alone in a cell, before anything, and before what is surely a name."""

EMAIL = re.compile(r"[^\s,;:<>()\[\]\"]+@[^\s,;:<>()\[\]\"]+")
EMAIL_AND_SIGNS = re.compile(rf"[<(\[]*{EMAIL.pattern}[>)\]]*")
"""An email in a line, alone and with the brackets around it."""

EXCEL = re.compile(r"sep=.", re.IGNORECASE)
"""Excel's own first line."""

MOST_ALONE = 2
"""This few names don't show whether a column has whole names, if the email comes last, as it does after a last name."""

GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

MORE_THAN_A_NAME: Marked[str] = (
    "More than an email and a name. Put a name with a comma in it in double quotes, or name the columns in the first "
    "line, such as: First name, Last name, Email."
)


class TooMany(Exception):
    """More people than a list may have; the text is a sentence."""

    def __init__(self, count: int):
        super().__init__(
            t(
                "That is {count} people. Paste at most {most} at a time.",
                count=number(count),
                most=MOST_LINES,
            )
        )


@dataclass
class PastedLine:
    """A person of a pasted list, on the line `number` from 1; a line with several people has one of these for each.

    If a line has a `problem`, nobody in it is taken.
    """

    number: int
    typed: str
    email: str = ""
    name: str = ""
    problem: str | None = None


NAMED_ALONE = {"name", "first_name", "last_name", "email"}
"""The columns that a heading without an email may have, and the email, which is added after them."""


@dataclass(frozen=True)
class _Heading:
    """The first line, if it names columns, and the sign between them. Without `has_email`, the email may be anywhere in
    a line, and the last column is for it."""

    header: Header
    sign: str
    has_email: bool


def lines_of(text: str) -> list[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    lines = enumerate(re.split(r"\r\n|\r|\n", text), 1)
    return [(number, line.strip()) for number, line in lines if emails.without_invisible(line)]


def read_people(typed: list[tuple[int, str]]) -> list[PastedLine]:
    """Read each line. Raises TooMany."""
    # One more, since the first may name columns.
    if len(typed) > MOST_LINES + 1:
        raise TooMany(len(typed))
    if typed and EXCEL.fullmatch(typed[0][1]):
        typed = typed[1:]
    heading = _heading(typed[0][1]) if typed else None
    if typed and (heading or ("@" not in typed[0][1] and re.search(r"\be-?mail", typed[0][1], re.IGNORECASE))):
        typed = typed[1:]
    # Only split the lines at first: reading as many addresses as fit into a form takes long.
    whole_names = _whole_names([line for _, line in typed])
    people_on = [(number, line, list(_split(line, heading, whole_names))) for number, line in typed]
    if (number := sum(len(parts) for _, _, parts in people_on)) > MOST_LINES:
        raise TooMany(number)
    lines = [one for number, line, parts in people_on for one in _read(number, line, parts)]
    first_at: dict[str, PastedLine] = {}
    for line in lines:
        before = first_at.setdefault(emails.as_compared(line.email), line) if line.problem is None else line
        if before is not line and before.name and line.name and not names.same_name(before.name, line.name):
            line.problem = t(
                "This email is in the list already, for {name}. {hint}", name=before.name, hint=t(names.EACH_THEIR_OWN)
            )
        elif before is not line:
            line.problem = t("This email is in the list already.")
    return lines


def _heading(line: str) -> _Heading | None:
    if "@" in line or len(line) > LONGEST:
        return None
    for has_email in (True, False):
        for sign in "\t;,":
            try:
                cells = [*_cells(line, sign), *([] if has_email else ["email"])]
                found = header.read("participants", cells)
            except (header.Unusable, ValueError, IndexError):
                continue
            # Vorname;Nachname is two columns, although split by a tab it would be one.
            are_names = set(found.columns) <= NAMED_ALONE and not any(";" in cell or "\t" in cell for cell in cells)
            if len(found.names) > 1 and (has_email or are_names):
                return _Heading(found, sign, has_email)
    return None


# A person before their email and name are checked: both as typed, or a ValueError about the line.
_Part = tuple[str, str] | ValueError


def _split(line: str, heading: _Heading | None, whole_names: int) -> Iterator[_Part]:
    line = IN_FRONT.sub("", line) if "\t" not in line or "<" in line else line
    try:
        if heading and ("<" not in line or not heading.has_email) and (person := _by_heading(line, heading)):
            yield _tidied(*person)
            return
        line = recipients.HEADING.sub("", line).strip()
        if addresses := list(recipients.bare(line)):
            yield from (("", address) for address in addresses)
        elif "<" in line and "\t" not in line:
            for part in recipients.people_in(line):
                if len(part) > LONGEST:
                    raise ValueError(t("Too long for one person."))
                yield _tidied(*recipients.read(part))
        else:
            yield _tidied(*_by_cells(line, whole_names))
    except ValueError as problem:
        yield problem


def _tidied(name: str, email: str) -> tuple[str, str]:
    """The name without a mark, and without the email if the name contains it."""
    name = BEFORE_A_NAME.sub("", f"{name} ".replace(f"{email} ", "")).strip()
    if re.search(r"\S@\S", name):
        raise ValueError(t(recipients.MORE_THAN_ONE))
    return name, email


def _whole_names(lines: list[str]) -> int:
    """How many names in a column beside an email have several words, if most of them do. Then they may be whole names,
    and the other column may be something else."""
    both = [names for line in lines if "\t" in line and len(names := _names(line.split("\t"))) == 2]
    several = [sum(len(name.split()) > 1 for name in column) for column in zip(*both, strict=True)]
    return max((count for count in several if 2 * count > len(both)), default=0)


def _names(cells: list[str]) -> list[str]:
    """The cells beside an email, without a number in front."""
    cells = [cell.strip() for cell in cells if cell.strip()]
    return [cell for at, cell in enumerate(cells) if "@" not in cell and not (at == 0 and MARK.fullmatch(cell))]


def _by_heading(line: str, heading: _Heading) -> tuple[str, str] | None:
    """The name and the email in the columns that the heading names; None if the line has no such columns."""
    for sign in dict.fromkeys((heading.sign, "\t")):
        try:
            cells = _cells(line, sign) if heading.has_email else _with_email_last(line, sign, heading)
        except ValueError:
            # The quotation marks may match if another sign separates the cells.
            continue
        if person := _in_columns(cells, line, heading.header):
            return person
    return None


def _with_email_last(line: str, sign: str, heading: _Heading) -> list[str]:
    """The cells of a line, and after them its one email, whose column the heading doesn't name. Raises ValueError."""
    if len(line) > LONGEST:
        raise ValueError(line)
    [email] = EMAIL.findall(line)
    rest = EMAIL_AND_SIGNS.sub(" ", line).strip(" \t,;:–—-")
    if len(heading.header.columns) > 2:
        cells = _cells(rest, sign)
    elif heading.header.orders_names:
        cells = [re.sub(r"\s*[\t;]\s*", ", ", rest).strip('"')]
    else:
        cells = re.split("[\t;]", rest)
    if len(cells) != len(heading.header.columns) - 1:
        raise ValueError(line)
    return [*cells, email]


def _in_columns(cells: list[str], line: str, found: Header) -> tuple[str, str] | None:
    by_column = {column: cell for column, cell in zip(found.columns, cells, strict=False) if column}
    email = by_column.get("email", "")
    if len([cell for cell in cells if cell]) < 2 or len(cells) > len(found.columns):
        return None
    if "@" not in email or re.search(r"\s", email):
        return None
    if "name" in by_column:
        if not found.orders_names:
            _check_one(by_column["name"], line)
        by_column["name"] = found.whole_name(by_column["name"])
    names = [by_column.get(part, "") for part in ("name", "first_name", "last_name")]
    return " ".join(name for name in names if name), email


def _by_cells(line: str, whole_names: int) -> tuple[str, str]:
    """The name and the email of a line with one person. Raises ValueError with a sentence."""
    if len(line) > LONGEST:
        raise ValueError(t("Too long for one person."))
    sign = next((sign for sign in "\t;" if sign in line), ",")
    cells = [cell for cell in _cells(line, sign) if cell]
    emails, names = [cell for cell in cells if "@" in cell], _names(cells) if len(cells) > 1 else []
    if len(emails) > 1:
        raise ValueError(t(recipients.MORE_THAN_ONE))
    name, email = recipients.read(emails[0]) if emails else ("", "")
    # In columns of a spreadsheet, two names are a first and a last name.
    if emails and len(names) > (0 if name else 2 if sign == "\t" else 1):
        raise ValueError(t(MORE_THAN_A_NAME))
    if emails and len(names) == 2:
        are_few = whole_names <= (MOST_ALONE if cells[-1] == emails[0] else 0)
        are_parts = _makes_up(email, *names) or (are_few and not _is_whole(email, names[0]))
        if not (are_parts and _stand_together(cells, names)):
            raise ValueError(t(MORE_THAN_A_NAME))
    for cell in names:
        _check_one(cell, line)
    return " ".join(names) or name, email


def _check_one(cell: str, line: str) -> None:
    """Raise ValueError if a cell may name two people: Ines Alt, Juri Berg. Quotation marks show that it doesn't."""
    if names.may_be_two(cell) and f'"{cell}"' not in line:
        raise ValueError(t("It is not clear who is who. {hint}", hint=t(recipients.PUT_IN_QUOTES)))


def _makes_up(email: str, first: str, last: str) -> bool:
    """Whether an email is made of both cells, as anna.berg@… and aberg@… are of Anna Maria and Berg. Otherwise the
    second one may be a company or a town beside a whole name."""

    def spelled(text: str, letters: dict[int, str]) -> list[str]:
        return re.findall(r"\w+", fold(text.lower().translate(letters)))

    typed = re.sub(r"[\W\d_]", "", fold(email.partition("@")[0]))
    for letters in ({}, GERMAN):
        given, family = spelled(first, letters), "".join(spelled(last, letters))
        begin = {given[0], given[0][0], "".join(given), "".join(word[0] for word in given)} if given else set()
        if family and typed in {both for one in begin for both in (one + family, family + one)}:
            return True
    return False


def _is_whole(email: str, name: str) -> bool:
    """Whether an email is made of this name alone, so that the name already contains a last name."""
    first, _, last = name.rpartition(" ")
    return _makes_up(email, first, last)


def _stand_together(cells: list[str], names: list[str]) -> bool:
    """Whether two cells stand side by side and have no digits, as a first and a last name do."""
    return cells.index(names[1]) - cells.index(names[0]) == 1 and not re.search(r"\d", "".join(names))


def _cells(line: str, sign: str) -> list[str]:
    try:
        read = next(csv.reader([line], delimiter=sign, skipinitialspace=True, strict=True))
    except csv.Error:
        raise ValueError(t("The quotation marks don't match.")) from None
    return [cell.strip() for cell in read]


def _read(number: int, typed: str, parts: list[_Part]) -> list[PastedLine]:
    """The people on one line or, if there is any problem, only one PastedLine with the problem."""
    line = PastedLine(number, typed if len(typed) <= 80 else typed[:79] + "…")
    lines = []
    for part in parts:
        try:
            if isinstance(part, ValueError):
                raise part
            name, email = part
            name = names.read_listed_name(name) if name else ""
            lines.append(replace(line, email=emails.read_email(email), name=name))
        except ValueError as problem:
            which = f"“{part[1][:60]}”: " if len(parts) > 1 and isinstance(part, tuple) else ""
            return [replace(line, problem=f"{which}{problem}")]
    return lines
