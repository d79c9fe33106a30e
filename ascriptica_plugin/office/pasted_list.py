"""Reads a pasted list of people, one on each line."""

import csv
import re
from dataclasses import dataclass

from . import people

MOST_LINES = 500


@dataclass
class PastedLine:
    """One line of a pasted list: `number` from 1, and either the person or the `problem` with the line."""

    number: int
    typed: str
    email: str = ""
    name: str = ""
    problem: str | None = None


def lines_of(text: str) -> list[tuple[int, str]]:
    """The lines that are not blank, with their numbers; a heading is skipped."""
    typed = [(number, line.strip()) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1) if line.strip()]
    if typed and "@" not in typed[0][1] and re.search(r"\be-?mail", typed[0][1], re.IGNORECASE):
        del typed[0]
    return typed


def read_people(typed: list[tuple[int, str]]) -> list[PastedLine]:
    """Read each line: an email, email and name in either order, or Name <email>."""
    first_at: dict[str, int] = {}
    lines = []
    for number, line in typed:
        read = _read_person(number, line)
        email = people.as_compared(read.email)
        if read.problem is None and first_at.setdefault(email, number) != number:
            read.problem = f"The same email as in line {first_at[email]}."
        lines.append(read)
    return lines


def _read_person(number: int, typed: str) -> PastedLine:
    line = PastedLine(number, typed if len(typed) <= 80 else typed[:79] + "…")
    if len(typed) > 1000:
        line.problem = "Too long for one person."
    elif bracketed := re.fullmatch(r"(.*?)<([^<>]*)>[,;]?", typed):
        line.name, line.email = bracketed[1].strip(" \"',;\t"), bracketed[2].strip()
    else:
        separator = next((sign for sign in "\t;" if sign in typed), ",")
        cells = [cell.strip() for cell in next(csv.reader([typed], delimiter=separator, skipinitialspace=True))]
        emails, names = [cell for cell in cells if "@" in cell], [cell for cell in cells if cell and "@" not in cell]
        line.email, line.name = (emails or [""])[0], (names or [""])[0]
        if len(emails) > 1:
            line.problem = "More than one email. Write one person on each line."
        elif len(names) > 1:
            line.problem = "More than an email and a name. Put a name with a comma in it in double quotes."
    try:
        if line.problem is None:
            line.email = people.read_email(line.email)
            line.name = people.read_name(line.name) if line.name else ""
    except ValueError as problem:
        line.problem = str(problem)
    return line
