"""What the pages and `flask ascriptica status` say about each person, against what Canvas has."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ascriptica_plugin.ledger.causes import CAUSES

from .hands import IN
from .office import new_browser
from .stage import Stage
from .verdict import Pairs, compare

ASKING = {cause.title for cause in CAUSES.values() if cause.asks}

IS_IN = re.compile("In Canvas|Invited|Kept in Canvas")
"""How the office's words begin for somebody who is in."""

IS_OUT = re.compile("Removed|Concluded|Deactivated|Moved in Canvas by hand|Said no|No enrollment known|Not seen")
ELSEWHERE = re.compile(r"(?:In|Kept in) Canvas course (\d+)")

IN_WORDS = "You are in the Canvas course."
"""What a participant who can enter reads."""


@dataclass(frozen=True)
class Said:
    """A line of the list of Canvas access."""

    who: str
    canvas_course_id: int
    status: str
    access: str
    cause: str

    @property
    def where(self) -> int:
        """The Canvas course that the words are about."""
        elsewhere = ELSEWHERE.match(self.access)
        return int(elsewhere[1]) if elsewhere else self.canvas_course_id


def said(stage: Stage) -> list[Said]:
    """The export of the office's list. People who are one Canvas user have one name, as in the comparison."""
    office, name_of = stage.office, compare(stage, stage.world()).name_of
    with new_browser() as browser:
        answer = browser.post(
            f"{stage.web.url}/tools/canvas.csv",
            data={"csrf_token": office.itself.form_token},
            headers={"Cookie": f"session={office.itself.cookie}"},
            timeout=60,
        )
    answer.raise_for_status()
    return [
        Said(
            name_of.get(line["email"], line["email"]),
            int(line["canvas_course_id"]),
            line["status"],
            line["access"],
            line["cause"],
        )
        for line in csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    ]


def as_in(lines: list[Said]) -> Pairs:
    """The people who are said to be in, with the Canvas courses."""
    return frozenset((line.who, line.where) for line in lines if IS_IN.match(line.access))


def asked(lines: list[Said]) -> Pairs:
    """The people and Canvas courses about which the office is asked."""
    return frozenset(
        (line.who, line.canvas_course_id) for line in lines if line.status == "held" and line.cause in ASKING
    )


def untrue(stage: Stage, lines: list[Said]) -> list[str]:
    """Everything that the pages say wrongly or leave out."""
    of_the_list = [*_about_rows(stage, lines), *_about_rest(lines)]
    return [*of_the_list, *_about_counts(stage, lines), *_about_what_people_read(stage, asked(lines))]


def _about_rows(stage: Stage, lines: list[Said]) -> Iterator[str]:
    world = stage.world()
    inside: dict[tuple[str, int], list[str]] = {}
    for row in world["enrollments"]:
        if row["state"] in IN and row["type"] == "StudentEnrollment" and (key := stage.hands.key(world, row)):
            inside.setdefault(key[:2], []).append(row["state"])
    of: dict[tuple[str, int], list[Said]] = {}
    for line in lines:
        of.setdefault((line.who, line.canvas_course_id), []).append(line)
        if IS_IN.match(line.access) and (line.who, line.where) not in inside:
            yield f"{line.who} is said to be in Canvas course {line.where}: {line.access!r}."
        if not (IS_IN.match(line.access) or IS_OUT.match(line.access) or line.cause or line.status == "due"):
            yield f"{line.who}, Canvas course {line.canvas_course_id}: what does {line.access!r} mean?"
    unsure = {who for who, _ in asked(lines)}
    for key, some in of.items():
        outside = [line for line in some if IS_OUT.match(line.access) and not line.access.startswith("Moved")]
        if key[0] in unsure:
            # Nothing is known of somebody of whom it is asked who they are.
            outside = [line for line in outside if not line.access.startswith("No enrollment known")]
        if key in inside and outside and not any(IS_IN.match(line.access) for line in some):
            yield f"{key[0]} is in Canvas course {key[1]}, and said not to be: {outside[0].access!r}."


def _about_rest(lines: list[Said]) -> Iterator[str]:
    """Everything has come to rest, and whatever waits says for whom."""
    for line in lines:
        if line.status in ("due", "parked") or (line.status == "held" and line.cause not in ASKING):
            where = f"{line.status}, {line.cause}, {line.access!r}"
            yield f"{line.who} waits in Canvas course {line.canvas_course_id}: {where}."


def _about_counts(stage: Stage, lines: list[Said]) -> Iterator[str]:
    status = json.loads(stage.command("status", "--json").splitlines()[-1])
    counts = {name: sum(line.status == name for line in lines) for name in status["seats"]}
    if counts != status["seats"]:
        yield f"status counts {status['seats']}, and the list has {counts}."
    by_hand = sum(line.cause == CAUSES["changed_in_canvas"].title and line.status == "held" for line in lines)
    if status["changed_in_canvas"] != by_hand:
        yield f"status says that {status['changed_in_canvas']} were changed in Canvas, and the list has {by_hand}."
    questions = sum(line.status == "held" for line in lines) - by_hand
    if status["questions"] != questions:
        yield f"status counts {status['questions']} questions, and the list has {questions}."
    if status["connection"] != "ok":
        yield f"status says that the connection is {status['connection']}."


def _about_what_people_read(stage: Stage, questions: Pairs) -> Iterator[str]:
    """A person who is registered and in Canvas reads so on the page of the course, and nobody else does."""
    found, office = compare(stage, stage.world()), stage.office
    special = [one for some in office.chosen.values() for one in some]
    with new_browser() as browser:
        for one in [*office.people[:: len(office.people) // 12 or 1], *special]:
            who = found.name_of.get(one.email, one.email)
            for code in [code for code, confirmed in one.confirmed.items() if confirmed]:
                if (at := office.stands.get(code)) is None:
                    continue
                course_id = stage.ids[f"course.{at[0]}"]
                section_id = stage.ids[f"section.{at[0]}.{at[1]}"] if at[1] else 0
                places = [key[1:] for key in found.there if key[0] == who]
                is_in = (course_id, section_id) in places or (not section_id and course_id in dict(places))
                reads_so = IN_WORDS in office.look(browser, one, f"/courses/{code}")
                if reads_so != is_in and (who, course_id) not in questions:
                    reads = "reads" if reads_so else "does not read"
                    yield f"{one.email} {reads} to be in the Canvas course of {code}."
