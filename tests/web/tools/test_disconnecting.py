"""Disconnect on Course Settings: what it asks, forgets and ends in Canvas, and how everything continues afterwards."""

import re

import pytest
from sqlalchemy import delete

from ascriptica_plugin.sync import proofs
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import LogEntry

from ...developer_keys import connect_with_key, later
from ...office_at_work import connection_of, during_the_first_call, logged
from ...pages import COURSE_SETTINGS, save, typed, words

DISCONNECT = f"{COURSE_SETTINGS}/disconnect"
REVOKE = "DELETE /login/oauth2/token"


def disconnect(admin, **form) -> str:
    return words(admin.post(DISCONNECT, data=form, follow_redirects=True))


def works(canvas, token: str) -> bool:
    there = f"{canvas.api}/users/self"
    return canvas.session.get(there, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 200


def test_disconnecting_asks_first_and_says_what_it_means(office, admin, canvas):
    assert DISCONNECT in admin.get(COURSE_SETTINGS).text
    page = words(admin.get(DISCONNECT))
    assert "Nobody is removed in Canvas" in page
    assert "The token of Practice Admin is forgotten here" in page
    assert load_settings(office.session).connection is not None
    assert canvas.calls() == []


def test_a_pasted_token_is_forgotten_here_and_stays_valid_in_canvas(office, admin, canvas):
    course = office.course("ART", "art")
    assert "It still works in Canvas" in disconnect(admin)
    assert connection_of(office).token.open(office.canvases.keys) == ""
    assert canvas.calls() == []
    assert works(canvas, canvas.token)
    assert "disconnected" in [what for _, what, _ in logged(office)]
    for page in ("/tools/", "/tools/canvas", COURSE_SETTINGS):
        shown = words(admin.get(page))
        assert "Canvas has been disconnected since" in shown
        assert f"No change waits. Connect {canvas.url} again" in shown
        assert "No Canvas is connected" not in shown
    assert office.status()["connection"] == "unset"
    page = admin.get(COURSE_SETTINGS)
    assert DISCONNECT not in page.text
    assert re.search(f'<input[^>]* id="canvas_url"[^>]* value="{canvas.api}"', page.text)
    assert re.search(f'<input[^>]* id="canvas_root_id"[^>]* value="{canvas.ids["account.root"]}"', page.text)
    office.register(course)
    assert f"1 change waits. Connect {canvas.url} again, and it is sent." in words(admin.get("/tools/"))
    assert "Connected to" in words(save(admin, typed(canvas)))
    assert "disconnected since" not in words(admin.get("/tools/"))


def test_the_pages_say_disconnected_even_if_the_activity_log_is_empty(office, admin, canvas):
    disconnect(admin)
    office.session.execute(delete(LogEntry))
    office.session.commit()
    for page in ("/tools/", "/tools/canvas", COURSE_SETTINGS):
        assert "Canvas has been disconnected since" in words(admin.get(page))


def test_a_pasted_token_is_ended_in_canvas_if_the_office_says_so(office, admin, canvas):
    assert "ended in Canvas" in disconnect(admin, end_token="y")
    assert canvas.calls() == [REVOKE]
    assert not works(canvas, canvas.token)
    canvas.options(token="active")
    assert [what for _, what, _ in logged(office)][-2:] == ["disconnected", "ended the key"]


@pytest.mark.parametrize("minutes", [0, 90], ids=["within its hour", "later"])
def test_a_developer_key_s_approval_is_ended_even_with_an_expired_token(office, admin, canvas, minutes):
    connection = connect_with_key(office)
    keys = office.canvases.keys
    refresh_token, token = connection.refresh_token.open(keys), connection.token.open(keys)
    key = connection.client_id, connection.client_secret.open(keys)
    later(office, minutes * 60)
    assert "The approval is forgotten here, and ended in Canvas." in disconnect(admin)
    assert canvas.calls()[-1] == REVOKE
    canvas.options(clock_offset_seconds=0)
    assert not works(canvas, token)
    kept = connection_of(office)
    assert (kept.client_id, kept.client_secret, kept.refresh_token, kept.refresh_at) == (None, None, None, None)
    with pytest.raises(Exception, match="refresh_token not found"):
        office.canvases.oauth(canvas.api, *key).refresh(refresh_token)


def test_an_approval_that_was_revoked_in_canvas_is_ended_already(office, admin, canvas):
    connection = connect_with_key(office)
    canvas.change_key({"client_id": connection.client_id}, revoke=True)
    assert "ended in Canvas" in disconnect(admin)


def test_the_key_is_forgotten_here_while_canvas_is_away_and_the_page_says_what_to_do(office, admin, canvas):
    connect_with_key(office)
    canvas.options(down=True)
    page = disconnect(admin)
    canvas.options(down=False)
    assert f"Canvas did not end it: {canvas.url.removeprefix('http://')} could not be reached." in page
    assert "sign in to Canvas as Practice Admin, choose Account, Settings, and delete it" in page
    assert load_settings(office.session).connection is None
    assert connection_of(office).refresh_token is None
    assert "ended the key" not in [what for _, what, _ in logged(office)]


def test_registrations_made_while_disconnected_are_delivered_once_the_same_canvas_is_connected(office, admin, canvas):
    art = office.course("ART", "art")
    office.register(art, "kim")
    office.deliver()
    before = connection_of(office).id
    disconnect(admin)
    office.register(art, "lou")
    office.withdraw(art, "kim")
    assert office.deliver() == []
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert "Connected to" in words(save(admin, typed(canvas)))
    assert connection_of(office).id == before
    office.settle(rounds=2, minutes=1)
    assert canvas.who_is_in("art") == {"lou@example.org"}
    assert {seat.cause for seat in office.seats()} == {None}


def test_changes_by_hand_while_disconnected_are_seen_once_canvas_is_connected_again(office, admin, canvas):
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    disconnect(admin)
    [(_, _, row_id, _, _)] = canvas.rows()
    canvas.change_state(row_id, "deleted")
    save(admin, typed(canvas))
    office.deliver()
    assert [seat.cause for seat in office.seats()] == ["changed_in_canvas"]


def test_a_running_drain_stops_on_a_disconnect_and_holds_nothing(office, admin, canvas, monkeypatch):
    """The token is dead before the worker has looked again."""
    for number in range(24):
        office.register(office.course(f"C{number}", "art"), f"p{number}")
    during_the_first_call(office, monkeypatch, lambda: disconnect(admin, end_token="y"))
    office.deliver()
    assert connection_of(office).hold_cause is None
    assert {(seat.attempts, seat.cause) for seat in office.seats()} == {(0, None)}
    assert len(canvas.who_is_in("art")) < 24
    canvas.options(token="active")
    save(admin, typed(canvas))
    office.later(minutes=5)
    office.settle(rounds=3, minutes=3)
    assert len(canvas.who_is_in("art")) == 24


def test_an_unfinished_proof_is_reported_and_cleaned_up_once_canvas_is_connected_again(office, admin, canvas):
    assert "Prove it" not in words(admin.get(DISCONNECT))
    proofs.ask(office.session, connection_of(office).id, canvas.ids["course.art"], office.now)
    office.session.commit()
    canvas.faults({"match": "DELETE /courses/*", "fault": "html", "status": 503, "when": "before"})
    office.deliver()
    assert "somebody may be enrolled in Art because of it" in words(admin.get(DISCONNECT))
    disconnect(admin)
    [(_, _, _, _, state)] = canvas.rows()
    assert state == "active"
    save(admin, typed(canvas))
    office.later(minutes=6)
    office.settle(2)
    [(_, _, _, _, state)] = canvas.rows()
    assert state == "deleted"
    assert "Prove it" not in words(admin.get(DISCONNECT))


def test_a_draft_of_a_connection_is_forgotten_too(office, admin, canvas):
    canvas.options(down=True)
    save(admin, typed(canvas, canvas_url="https://other.example/api/v1"))
    canvas.options(down=False)
    disconnect(admin)
    settings = load_settings(office.session)
    assert (settings.draft_url, settings.draft_token) == (None, None)


def test_the_page_leads_back_where_nothing_is_connected(app, admin):
    assert "No Canvas is connected." in words(admin.get(DISCONNECT, follow_redirects=True))
    assert "No Canvas is connected." in disconnect(admin)
