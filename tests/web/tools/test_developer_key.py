"""Course Settings with a developer key: typed, approved in Canvas, in use, and exchanged for a token again."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography.fernet import Fernet, MultiFernet

from ascriptica_plugin.canvas.scopes import SCOPES
from ascriptica_plugin.tables.columns import Sealed

from ...developer_keys import TOKEN_CALL, connect_with_key, later, make_key
from ...office_at_work import connection_of, sign_in
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
    query = {"state": asked["state"], "scope": asked["scope"]} | other
    return come_back(admin, **canvas.approve(key, asked["redirect_uri"], **query))


def test_a_developer_key_is_typed_approved_and_used(app, admin, canvas, key):
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


def test_a_mistyped_address_is_reported_before_anybody_is_sent_there(app, admin, canvas, key):
    nobody = canvas.url.rpartition(":")[0] + ":9"
    answer = save(admin, with_key(canvas, key, canvas_url=nobody))
    assert answer.status_code == 422
    assert re.findall(r'<li><a href="#(\w+)"', answer.text) == ["canvas_url"]
    assert "127.0.0.1:9 could not be reached. Look for a typing error in the address." in words(answer)
    canvas.calls()
    assert "Approve the developer key in Canvas" in words(save(admin, with_key(canvas, key)))
    # Whether a Canvas is there was asked without any key.
    assert [call["status"] for call in canvas.read("calls")["calls"]] == [401]
    assert "Connected to" in words(approve(admin, canvas, key))


def test_the_page_lists_the_steps_in_canvas_in_their_order(admin):
    page = words(admin.get(COURSE_SETTINGS))
    steps = [
        "administrator of the root account",
        "Developer Keys",
        "+ API Key",
        "As key name, enter Ascriptica",
        "Under Redirect URIs , paste the redirect address",
        "Turn on Enforce Scopes , and tick every scope of the list",
        "Tick Allow Include Parameters , and choose Save",
        "Switch the key ON : a new one is off",
        "with Show Key , the secret. Then choose Save here.",
    ]
    places = [page.find(step, page.find("Scopes to tick in Canvas")) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


def test_the_state_belongs_to_the_session_that_began(app, admin, canvas, key):
    """What Canvas brings to another administrator's browser is refused there, and accepted in the first one."""
    save(admin, with_key(canvas, key))
    asked = go_to_canvas(admin, canvas)
    back = canvas.approve(key, BACK, state=asked["state"], scope=asked["scope"])
    other = app.test_client()
    sign_in(other, app, "other@example.org", admin=True)
    canvas.calls()
    assert "not begun here" in words(come_back(other, **back))
    assert canvas.calls() == []
    assert "Connected to" in words(come_back(admin, **back))


def test_the_token_is_used_while_a_key_fails_in_every_way(office, admin, canvas, key):
    """The approval is refused, its code is wrong, or it lacks a right: people get in all the while."""
    for number, fails in enumerate(
        (
            lambda: come_back(admin, error="access_denied", state=go_to_canvas(admin, canvas)["state"]),
            lambda: come_back(admin, code="made up", state=go_to_canvas(admin, canvas)["state"]),
            lambda: approve(admin, canvas, key, scope=" ".join(SCOPES[1:])),
        )
    ):
        save(admin, with_key(canvas, key))
        fails()
        office.register(office.course(f"C{number}", "art"), f"p{number}")
        office.deliver()
        assert f"p{number}@example.org" in canvas.who_is_in("art")
        assert (connection_of(office).key_kind, connection_of(office).hold_cause) == ("token", None)


def test_the_token_is_used_until_the_key_is_approved_and_the_connection_stays_the_same(app, admin, canvas, key):
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


def test_a_state_can_be_used_only_once(app, admin, canvas, key):
    save(admin, with_key(canvas, key))
    asked = go_to_canvas(admin, canvas)
    back = canvas.approve(key, BACK, state=asked["state"], scope=asked["scope"])
    assert "Connected to" in words(come_back(admin, **back))
    canvas.calls()
    assert "not begun here" in words(come_back(admin, **back))
    assert canvas.calls() == []


def test_a_state_that_came_back_without_a_code_is_used_up(app, admin, canvas, key):
    save(admin, with_key(canvas, key))
    state = go_to_canvas(admin, canvas)["state"]
    assert "It was refused in Canvas" in words(come_back(admin, error="access_denied", state=state))
    code = canvas.approve(key, BACK, scope=" ".join(SCOPES))["code"]
    canvas.calls()
    assert "not begun here" in words(come_back(admin, code=code, state=state))
    assert canvas.calls() == []
    assert connections_of(app) == []


def at_canvas(admin, canvas, **changed) -> requests.Response:
    """Canvas's answer to the browser; `changed` replaces what we would send."""
    asked = go_to_canvas(admin, canvas) | changed
    there = f"{canvas.url}/login/oauth2/auth"
    return canvas.session.get(there, params=asked, allow_redirects=False, timeout=10)


@pytest.mark.parametrize(
    ("changed", "asked", "sentence"),
    [
        ({"state": "off"}, {}, "It is off in Canvas. Under Developer Keys, switch it ON"),
        ({"scopes": []}, {}, "It lacks scopes in Canvas. Open it under Developer Keys, tick every scope"),
        (
            {"scopes": SCOPES[2:]},
            {},
            f"The developer key lacks these scopes: {SCOPES[0]}, {SCOPES[1]}. In Canvas, open the key, tick them",
        ),
        (
            {},
            {"response_type": "token"},
            "Canvas says: unsupported_response_type. Make sure that the key is as described",
        ),
        ({}, {"prompt": "none"}, "Canvas wanted you to sign in first. Sign in to Canvas"),
        ({}, {"prompt": "maybe"}, "Canvas says: unsupported_prompt_type. Make sure that the key is as described"),
    ],
)
def test_an_error_sent_back_instead_of_a_code_becomes_a_sentence_with_the_remedy(
    app, admin, canvas, key, changed, asked, sentence
):
    save(admin, with_key(canvas, key))
    if changed:
        canvas.change_key(key, **changed)
    there = at_canvas(admin, canvas, **asked).headers["Location"]
    page = words(come_back(admin, **{name: value for name, [value] in parse_qs(urlsplit(there).query).items()}))
    assert f"The developer key was not approved. {sentence}" in page
    assert connections_of(app) == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("login_required", "Sign in to Canvas, and approve it again."),
        ("client_not_allowed_for_user", "Sign in to Canvas as an administrator, and approve it again."),
        ("server_error", "Canvas says: server_error."),
    ],
)
def test_errors_that_the_practice_canvas_never_sends_become_sentences_too(admin, canvas, key, error, sentence):
    save(admin, with_key(canvas, key))
    assert sentence in words(come_back(admin, error=error, state=go_to_canvas(admin, canvas)["state"]))


def test_a_person_who_refuses_in_canvas_may_approve_it_later(admin, canvas, key):
    save(admin, with_key(canvas, key))
    assert "It was refused in Canvas. Choose Approve in Canvas again" in words(approve(admin, canvas, key, refuse=True))
    assert "Connected to" in words(approve(admin, canvas, key))


@pytest.mark.parametrize(
    ("changed", "asked", "status"),
    [({"state": "deleted"}, {}, 401), ({}, {"redirect_uri": "https://elsewhere.example/"}, 400)],
)
def test_errors_that_canvas_shows_in_the_browser_are_explained_beforehand(admin, canvas, key, changed, asked, status):
    page = words(save(admin, with_key(canvas, key)))
    canvas.change_key(key, **changed)
    shown = at_canvas(admin, canvas, **asked)
    assert shown.status_code == status
    assert shown.json()["error_description"] in page


@pytest.mark.parametrize(
    ("happens", "sentence"),
    [
        (lambda canvas, key: canvas.change_key(key, state="deleted"), "Canvas does not know this client ID."),
        (lambda canvas, key: canvas.options(clock_offset_seconds=660), "The approval took too long"),
        (
            lambda canvas, key: canvas.faults({"match": TOKEN_CALL, "fault": "html", "status": 503}),
            "Canvas did not answer: ",
        ),
        (lambda canvas, key: canvas.faults({"match": TOKEN_CALL, "fault": "reset"}), "Canvas did not answer: "),
        (
            lambda canvas, key: canvas.faults({"match": TOKEN_CALL, "fault": "html", "status": 200}),
            "Canvas did not answer: ",
        ),
        (lambda canvas, key: canvas.options(permissions=[]), "is not an administrator of the root account"),
    ],
    ids=["unknown client", "code expired", "503", "no answer", "web page", "no administrator"],
)
def test_an_error_at_the_exchange_of_the_code_becomes_a_sentence_with_the_remedy(
    app, admin, canvas, key, happens, sentence
):
    save(admin, with_key(canvas, key))
    asked = go_to_canvas(admin, canvas)
    back = canvas.approve(key, asked["redirect_uri"], state=asked["state"], scope=asked["scope"])
    happens(canvas, key)
    assert sentence in words(come_back(admin, **back))
    canvas.options(clock_offset_seconds=0, permissions=None)
    assert connections_of(app) == []


def test_a_missing_unknown_or_foreign_code_becomes_a_sentence_with_the_remedy(admin, canvas, key):
    save(admin, with_key(canvas, key))
    other = canvas.developer_key(BACK, scopes=SCOPES)
    code = canvas.approve(other, BACK, scope=" ".join(SCOPES))["code"]
    for given, sentence in (
        ("", "Make sure that the redirect address below is in the key, letter for letter"),
        ("made up", "was used already"),
        (code, "is of another key"),
    ):
        assert sentence in words(come_back(admin, code=given, state=go_to_canvas(admin, canvas)["state"]))


def test_a_key_that_lacks_a_scope_is_named(app, admin, canvas, key):
    save(admin, with_key(canvas, key))
    asked = go_to_canvas(admin, canvas)
    fewer = [scope for scope in SCOPES if scope != "url:GET|/api/v1/accounts/:account_id/permissions"]
    page = come_back(admin, **canvas.approve(key, BACK, state=asked["state"], scope=" ".join(fewer)))
    assert "lacks these scopes: url:GET|/api/v1/accounts/:account_id/permissions. In Canvas, open the key" in words(
        page
    )
    assert connections_of(app) == []


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        ({"revoke": True}, "Its approval was revoked in Canvas."),
        ({"state": "deleted"}, "Canvas does not know its client ID any more."),
        ({"secret": "another"}, "Canvas does not accept its client secret any more"),
    ],
)
def test_the_reason_why_a_key_gives_no_token_is_shown_with_a_link_to_the_approval(office, admin, canvas, happens, why):
    key = make_key(office)
    connect_with_key(office, key)
    canvas.change_key(key, **happens)
    office.register(office.course("ART", "art"))
    later(office, 3600)
    office.deliver()
    canvas.options(clock_offset_seconds=0)
    page = admin.get("/tools/")
    assert why in words(page)
    assert re.search(f'href="{COURSE_SETTINGS}#approve">Approve the developer key again', page.text)
    there = admin.get(COURSE_SETTINGS).text
    assert 'id="approve"' in there
    assert why in html.unescape(there)


def test_a_key_that_can_t_be_decrypted_asks_for_its_secret_again(office, admin, canvas, key):
    """The server's secret key has changed. The secret is typed and the key approved again, and everybody gets in."""
    connection, lost = connect_with_key(office, key), MultiFernet([Fernet(Fernet.generate_key())])
    for name in ("token", "client_secret", "refresh_token"):
        setattr(connection, name, Sealed.seal("secret", lost))
    office.register(office.course("ART", "art"))
    office.deliver()
    assert f'href="{COURSE_SETTINGS}#canvas_client_secret">Paste the client secret again' in admin.get("/tools/").text
    assert "the developer key's client secret" in words(admin.get(COURSE_SETTINGS))
    assert "Paste the client secret of this developer key" in words(
        save(admin, with_key(canvas, key, canvas_client_secret=""))
    )
    assert "Approve the developer key in Canvas" in words(save(admin, with_key(canvas, key)))
    assert "Connected to" in words(approve(admin, canvas, key))
    office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_a_missing_scope_asks_for_a_new_approval(office, admin, canvas):
    enroll = "url:POST|/api/v1/courses/:course_id/enrollments"
    connect_with_key(office, approved=tuple(scope for scope in SCOPES if scope != enroll))
    office.register(office.course("ART", "art"))
    office.deliver()
    page = admin.get("/tools/")
    assert f"tick {enroll} and choose Save" in words(page)
    assert re.search(f'href="{COURSE_SETTINGS}#approve-again">Approve the developer key again', page.text)
    assert 'id="approve-again"' in admin.get(COURSE_SETTINGS).text


def test_a_wrong_secret_is_named_and_the_right_one_is_asked_for(admin, canvas, key):
    assert "Paste the client secret" in words(save(admin, with_key(canvas, key, canvas_client_secret="")))
    save(admin, with_key(canvas, key, canvas_client_secret="wrong"))
    assert "does not accept the client secret" in words(approve(admin, canvas, key))


def test_a_key_whose_includes_are_cut_is_named(admin, canvas):
    key = canvas.developer_key(BACK, scopes=SCOPES, include_parameters=False)
    save(admin, with_key(canvas, key))
    assert "Allow Include Parameters and choose Save. Then choose Save here" in words(approve(admin, canvas, key))


def test_the_approval_page_leads_back_where_there_is_no_key(admin):
    page = admin.get(f"{COURSE_SETTINGS}/approve", follow_redirects=True)
    assert "There is no developer key to approve" in words(page)
