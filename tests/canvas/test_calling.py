"""Calls: redirects and pages never lead elsewhere, and each call has a name."""

import pytest

from ascriptica_plugin.canvas.calling import MAX_PAGES, call_of
from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import (
    Redirected,
)

from ..practice_canvas import Practice
from ..servers import SOMEBODY, Connect, Raw, path_of, reply, within


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_redirects_are_never_followed(raw: Raw, connect: Connect, status: int) -> None:
    elsewhere = raw(reply())
    server = raw(reply(b"moved", f"{status} Moved", Location=f"{elsewhere.url}/users/self"))
    client = connect(server.url)
    for call in (client.myself, lambda: client.enroll(5, 7), lambda: client.unenroll(5, 91)):
        error = within(2, call, Redirected)
        assert error.status == status
        assert "redirects to 127.0.0.1." in str(error)
    assert (len(server.requests), elsewhere.accepted) == (3, 0)


@pytest.mark.parametrize(
    "location", ["", "/login", "https://[", "http://[::1", "\xff\xfe", "javascript:alert(1)", "//"]
)
@pytest.mark.parametrize("status", [300, 302])
def test_a_redirect_without_a_usable_target_is_reported_as_a_redirect(
    raw: Raw, connect: Connect, location: str, status: int
) -> None:
    client = connect(raw(reply(b"", f"{status} Moved", Location=location)).url)
    assert "redirects to another page" in str(within(2, client.myself, Redirected))


def test_all_pages_are_read(client: CanvasClient, canvas: Practice) -> None:
    ids = canvas.seed(users={f"p{n}": {"name": f"Pupil {n:03}", "login": f"pupil-{n:03}"} for n in range(200)})
    canvas.calls()
    found = client.search_users(ids["account.root"], "pupil-")
    assert len({user.id for user in found}) == len(found) == 200
    # A full page has a next one, even where that is empty.
    assert len(canvas.calls()) == 3


def test_pages_linked_by_bookmarks_are_read(client: CanvasClient, canvas: Practice) -> None:
    sections = {f"s{n}": {} for n in range(130)}
    ids = canvas.seed(
        users={"kim": {"login": "kim"}},
        courses={"art": {"sections": sections}},
        enrollments={name: {"user": "kim", "course": "art", "section": name} for name in sections},
    )
    canvas.calls()
    rows = client.enrollments_of(ids["user.kim"])
    assert len({row.section_id for row in rows}) == len(rows) == 130
    assert len(canvas.calls()) == 2


def test_the_next_page_is_never_on_another_server(raw: Raw, connect: Connect) -> None:
    elsewhere = raw(reply([]))

    def answer(request: bytes) -> bytes:
        if "page=" in path_of(request).replace("per_page=", ""):
            return reply([{**SOMEBODY, "id": 8}])
        return reply([SOMEBODY], Link=f'<{elsewhere.url}/accounts/1/users?page=bookmark:a%2Bb&x%5B%5D=1>; rel="next"')

    server = raw(answer)
    assert [user.id for user in connect(server.url).search_users(1, "ann")] == [7, 8]
    assert path_of(server.requests[1]) == "/api/v1/accounts/1/users?page=bookmark:a%2Bb&x%5B%5D=1"
    assert elsewhere.accepted == 0


@pytest.mark.parametrize(
    "link",
    ["http://[", "https://evil.example/", "/login?x=1", "//evil.example", "mailto:x", "@evil.example", "http://a b"],
)
def test_a_next_page_that_is_no_address_of_this_canvas_is_an_error(raw: Raw, connect: Connect, link: str) -> None:
    server = raw(reply([SOMEBODY], Link=f'<{link}>; rel="next"'))
    client = connect(server.url)
    assert "something other than" in str(within(2, lambda: client.search_users(1, "ann")))
    assert len(server.requests) == 1


@pytest.mark.parametrize("link", ["", "<>", ";", ",,,", 'rel="next"', '<x>; rel="last"', "\xff", '<;>;rel=";"'])
def test_a_link_header_without_a_next_page_ends_the_list(raw: Raw, connect: Connect, link: str) -> None:
    assert len(connect(raw(reply([SOMEBODY], Link=link)).url).search_users(1, "ann")) == 1


def test_a_list_whose_pages_never_end_is_an_error(raw: Raw, connect: Connect) -> None:
    server = raw(lambda request: reply([], Link=f'<{server.url}/accounts/1/users?page=2>; rel="next"'))
    client = connect(server.url)
    assert "does not end" in str(within(5, lambda: client.search_users(1, "ann")))
    assert len(server.requests) == MAX_PAGES


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("users/self", "users/self"),
        ("users/7/enrollments?page=2", "users/:id/enrollments"),
        ("users/sis_user_id:abc", "users/:id"),
        ("users/self/tokens/abcde", "users/self/tokens/:id"),
    ],
)
def test_a_call_is_named_without_what_it_is_about(path, call):
    assert call_of("GET", path) == f"GET {call}"
