"""Pages by cursors: what stands in an address never breaks a list."""

import base64
import json

import pytest

from ..office_at_work import many
from ..pages import walked, words


def written(*values) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "0", "-1", "x", "99999999999999999999", "٣", "W10", "AA" * 3000,
        written(), written("a"), written("a", 0), written("a", 0, 0), written("a", 0, 0, "x"), written("a", 0, "p1", 1),
        written("a", 0, 0, 0, "x"), written("b", 0, 0, None, 5), written("a", 0, 0, "a\x00b", 5),
        written("a", 0, 0, "a", 2**70), written("a", "x", 0, "a", 5), written("a", -1, 0, "a", 5),
        written("a", 0, 0, "a", True), written("a", 0, 0, {"a": 1}, [5]), written("a", 0, 1, "a", 5),
        written("a", 0, -1, "a", 5), written("a", 0, None, "a", 5), written("a", 0, [0], "a", 5), "W" * 20_000,
    ],
)  # fmt: skip
def test_an_invalid_cursor_shows_the_first_page(office, admin, cursor):
    many(office, office.course("ART"), 3)
    page = words(admin.get("/tools/participants", query_string={"page": cursor}))
    assert "p0@example.org" in page


def test_a_page_whose_rows_are_gone_shows_the_first_page(office, admin):
    many(office, office.course("ART"), 3)
    for cursor in (written("a", 50, 0, "zz", 7), written("b", 50, 0, "", 0), "7"):
        assert "p0@example.org" in words(admin.get("/tools/participants", query_string={"page": cursor}))


def test_the_next_page_begins_where_the_last_one_ended_though_somebody_was_added_before(office, admin):
    course = office.course("ART")
    many(office, course, 60)
    pages = walked(admin, "/tools/participants")
    first = next(pages)
    office.register(course, "aaron", name="Aaron")
    rest = "".join(page.text for page in pages)
    assert all(f">p{number}@" in first.text + rest for number in range(60))
    assert "aaron@" not in rest
