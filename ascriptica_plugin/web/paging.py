"""Splits lists into pages by cursors, so that the last page takes no longer than the first."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from flask import request
from sqlalchemy import ColumnElement, Row, Select, and_, literal, or_, tuple_
from sqlalchemy.orm import Session

from ..tables.columns import UTCDateTime

A_PAGE = 50
MANY_NAMES = 200
"""Names in a list that opens inside a page."""
MOST = 1_000_000
"""A page number beyond any list, and still small enough for any database."""


@dataclass(frozen=True)
class Key:
    """One of the columns that a list is sorted by. None of its values is NULL, and the last key is unique."""

    column: Any
    descending: bool = False


@dataclass(frozen=True)
class Part:
    """Rows that stand together in a list. The statement selects what a row needs; the keys sort the rows.

    `rows` is how many there are. It may be None only for the last part of a list.
    """

    statement: Select
    keys: Sequence[Key]
    rows: int | None = None


@dataclass(frozen=True)
class Page:
    """The `rows` of one page, how many others are `before` them, and the cursors of the pages before and after."""

    rows: list[Any]
    before: int
    back: str | None
    on: str | None


def page_by_keys(session: Session, statement: Select, keys: Sequence[Key], size: int = A_PAGE) -> Page:
    """`page_of_parts` of a list that has one part."""
    return page_of_parts(session, [Part(statement, keys)], size)


def page_of_parts(session: Session, parts: Sequence[Part], size: int = A_PAGE) -> Page:
    """The page that the address asks for with `page`; the first one if that can't be read. The parts follow each other.

    The keys' values are added to what a part selects, and removed again. A cursor names the row that a page begins
    after or, for the way back, ends before. A number stands for the page with that number, counted from 1.
    """
    cursor = _cursor(parts, size)
    found = _page(session, parts, size, cursor)
    # The row that was there may be gone.
    return found if found.rows or cursor is None else _page(session, parts, size, None)


def page_of_people(people: Sequence[Any], name: str, size: int = MANY_NAMES) -> Page:
    """One page of this list of participants. The argument of the address that is called `name` is the number of the
    participant with whom the page begins. Without it, or if nobody in the list has that number, it is the first page.
    """
    typed = request.args.get(name, "")
    begins = next((at for at, one in enumerate(people) if str(one.participant_id) == typed), 0)
    ends = begins + size
    return Page(
        rows=list(people[begins:ends]),
        before=begins,
        back=str(people[max(0, begins - size)].participant_id) if begins else None,
        on=str(people[ends].participant_id) if ends < len(people) else None,
    )


class _Cursor(NamedTuple):
    """Where a page is: how many rows are `before` it, and the part and values of the row next to it; no `values` if the
    address has the page's number."""

    backwards: bool
    before: int
    part: int
    values: list[Any]


_FIRST = _Cursor(backwards=False, before=0, part=0, values=[])


def _page(session: Session, parts: Sequence[Part], size: int, cursor: _Cursor | None) -> Page:
    backwards, before, _, _ = cursor or _FIRST
    found = _rows(session, parts, size + 1, cursor or _FIRST)
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
        before = before if more else 0
    has_before, has_after = (more, cursor is not None) if backwards else (cursor is not None, more)
    return Page(
        rows=[row[: -len(parts[number].keys)] for number, row in found],
        before=before,
        back=_written("b", max(0, before - size), parts, *found[0]) if has_before and found else None,
        on=_written("a", before + len(found), parts, *found[-1]) if has_after and found else None,
    )


def _rows(session: Session, parts: Sequence[Part], most: int, cursor: _Cursor) -> list[tuple[int, Row]]:
    """At most `most` rows from the cursor on, each with the number of its part."""
    backwards, before, at, values = cursor
    skipped = 0 if values else before
    found: list[tuple[int, Row]] = []
    for number in range(at, -1, -1) if backwards else range(at, len(parts)):
        statement, keys, count = parts[number].statement, parts[number].keys, parts[number].rows
        if count == 0:
            continue
        if values and number == at:
            statement = statement.where(_beyond(keys, backwards, values))
        sorted_by = [key.column.desc() if key.descending != backwards else key.column.asc() for key in keys]
        selected = statement.add_columns(*(key.column for key in keys)).order_by(*sorted_by)
        rows = session.execute(selected.offset(skipped or None).limit(most - len(found))).all()
        found += ((number, row) for row in rows)
        if len(found) == most:
            break
        skipped = 0 if rows else max(0, skipped - (count or 0))
    return found


def _beyond(keys: Sequence[Key], backwards: bool, values: Sequence[Any]) -> ColumnElement[bool]:
    """Condition: rows after the row with these values in the order of the list; if `backwards`, rows before it."""
    bound = [literal(value, key.column.type) for key, value in zip(keys, values, strict=True)]
    columns = [key.column for key in keys]
    if len({key.descending for key in keys}) == 1:
        # Written as one comparison, so that the database can use an index.
        mine, theirs = tuple_(*columns), tuple_(*bound)
        # The first column is compared once more: if the others belong to another table, no index has all of them.
        if keys[0].descending != backwards:
            return and_(columns[0] <= bound[0], mine < theirs)
        return and_(columns[0] >= bound[0], mine > theirs)
    either = []
    for at, key in enumerate(keys):
        past = key.column < bound[at] if key.descending != backwards else key.column > bound[at]
        either.append(and_(*(columns[n] == bound[n] for n in range(at)), past))
    return or_(*either)


def _written(way: str, before: int, parts: Sequence[Part], number: int, row: Row) -> str:
    values = [_plain(value) for value in row[-len(parts[number].keys) :]]
    return base64.urlsafe_b64encode(json.dumps([way, before, number, *values]).encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _cursor(parts: Sequence[Part], size: int) -> _Cursor | None:
    """The cursor in the address, if there is one.

    Anybody can write a cursor, so each value has to be of its column's type.
    """
    typed = request.args.get("page", "")
    if typed.isdecimal():
        return _FIRST._replace(before=size * (min(int(typed[:9]), MOST) - 1)) if int(typed[:9]) > 1 else None
    try:
        way, before, number, *values = json.loads(base64.urlsafe_b64decode(typed + "=" * (-len(typed) % 4)))
        if way not in ("a", "b") or not 0 <= int(before) < 2**31 or number not in range(len(parts)):
            return None
        values = [_of_type(key, value) for key, value in zip(parts[number].keys, values, strict=True)]
        return _Cursor(way == "b", int(before), int(number), values)
    except (ValueError, TypeError, RecursionError):
        return None


def _of_type(key: Key, value: Any) -> Any:
    if isinstance(key.column.type, UTCDateTime):
        return datetime.fromisoformat(value)
    if type(value) is not key.column.type.python_type:
        raise ValueError("a cursor with a value of another type")
    if (isinstance(value, int) and abs(value) >= 2**31) or (isinstance(value, str) and "\x00" in value):
        raise ValueError("a cursor with a value that no row has")
    return value
