"""Course Settings with a developer key: typed, approved in Canvas, in use, and exchanged for a token again."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from ascriptica_plugin.canvas.scopes import SCOPES

from ...pages import COURSE_SETTINGS, connections_of, save, typed, words

BACK = f"http://localhost{COURSE_SETTINGS}/approved"


@pytest.fixture
def key(canvas):
    return canvas.developer_key(BACK, scopes=SCOPES, include_parameters=True)


def with_key(canvas, key, **other):
    fields = {"canvas_client_id": key["client_id"], "canvas_client_secret": key["client_secret"]}
    return typed(canvas, canvas_token="", canvas_key="developer_key") | fields | other


def go_to_canvas(admin, canvas) -> dict[str, str]:
    """What the browser carries to Canvas."""
    there = admin.get(f"{COURSE_SETTINGS}/approve").headers["Location"]
    assert there.startswith(f"{canvas.url}/login/oauth2/auth?")
    return {name: value for name, [value] in parse_qs(urlsplit(there).query).items()}


def come_back(admin, **query):
    return admin.get(f"{COURSE_SETTINGS}/approved", query_string=query, follow_redirects=True)


def approve(admin, canvas, key, **other):
    asked = go_to_canvas(admin, canvas)
    return come_back(
        admin, **canvas.approve(key, asked["redirect_uri"], state=asked["state"], scope=asked["scope"], **other)
    )


def test_a_key_is_typed_approved_and_in_use(app, admin, canvas, key):
    page = save(admin, with_key(canvas, key))
    assert "Approve the developer key in Canvas" in words(page)
    assert key["client_secret"] not in page.text
    assert BACK in page.text
    assert re.search('<input[^>]* checked[^>]* id="display_canvas"', page.text), "the page would be folded"
    assert all(scope in page.text for scope in SCOPES)
    assert connections_of(app) == []
    assert "Connected to" in words(approve(admin, canvas, key))
    [connection] = connections_of(app)
    assert (connection.key_kind, connection.token_owner) == ("developer_key", "Practice Admin")
    assert connection.refresh_at is not None


def test_the_token_goes_on_until_the_key_is_approved_and_both_ways_keep_the_connection(app, admin, canvas, key):
    save(admin, typed(canvas))
    [before] = [connection.id for connection in connections_of(app)]
    save(admin, with_key(canvas, key))
    assert connections_of(app)[0].key_kind == "token"
    approve(admin, canvas, key)
    assert [(one.id, one.key_kind) for one in connections_of(app)] == [(before, "developer_key")]
    again = with_key(canvas, key, canvas_client_secret="")
    assert "Connected to" in words(save(admin, again))
    assert connections_of(app)[0].refresh_token is not None
    save(admin, typed(canvas))
    [after] = connections_of(app)
    assert (after.id, after.key_kind, after.refresh_token) == (before, "token", None)


def test_an_answer_that_nobody_asked_for_is_refused_and_calls_nothing(app, admin, canvas, key):
    save(admin, with_key(canvas, key))
    canvas.calls()
    assert "not begun here" in words(come_back(admin, code="x", state="y"))
    asked = go_to_canvas(admin, canvas)
    assert "not begun here" in words(come_back(admin, code="x", state="y"))
    assert "not begun here" in words(come_back(admin, code="x", state=asked["state"]))
    assert canvas.calls() == []
    assert connections_of(app) == []


def test_the_state_is_used_once(app, admin, canvas, key):
    save(admin, with_key(canvas, key))
    asked = go_to_canvas(admin, canvas)
    back = canvas.approve(key, BACK, state=asked["state"], scope=asked["scope"])
    assert "Connected to" in words(come_back(admin, **back))
    canvas.calls()
    assert "not begun here" in words(come_back(admin, **back))
    assert canvas.calls() == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("access_denied", "It was refused in Canvas."),
        ("unauthorized_client", "switch it ON"),
        ("invalid_scope", "tick every scope"),
        ("client_not_allowed_for_user", "Sign in to Canvas as an administrator"),
        ("login_required", "Canvas says: login_required."),
    ],
)
def test_what_canvas_says_instead_of_a_code_is_a_sentence(admin, canvas, key, error, sentence):
    save(admin, with_key(canvas, key))
    asked = go_to_canvas(admin, canvas)
    state = {} if error == "invalid_scope" else {"state": asked["state"]}
    assert sentence in words(come_back(admin, error=error, **state))


def test_a_wrong_secret_is_named_and_the_right_one_is_asked_for(admin, canvas, key):
    assert "Paste the client secret" in words(save(admin, with_key(canvas, key, canvas_client_secret="")))
    save(admin, with_key(canvas, key, canvas_client_secret="wrong"))
    assert "does not accept the client secret" in words(approve(admin, canvas, key))


def test_a_key_whose_includes_are_cut_is_named(admin, canvas):
    key = canvas.developer_key(BACK, scopes=SCOPES, include_parameters=False)
    save(admin, with_key(canvas, key))
    assert "Allow Include Parameters and choose Save. Then choose Save here" in words(approve(admin, canvas, key))


def test_nothing_to_approve_leads_back(admin):
    page = admin.get(f"{COURSE_SETTINGS}/approve", follow_redirects=True)
    assert "There is no developer key to approve" in words(page)
