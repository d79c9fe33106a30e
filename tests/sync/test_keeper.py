"""A developer key's token is replaced in time and once, whatever Canvas answers; a pasted one's end is asked for."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.ledger import token_end
from ascriptica_plugin.shared import clock
from ascriptica_plugin.sync import keeper, page_calls
from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.columns import Sealed

from ..developer_keys import TOKEN_CALL, connect_with_key, later, make_key
from ..office_at_work import connection_of
from ..processes import REPOSITORY, environment


@pytest.fixture
def keyed(office, canvas):
    """The office, connected by a developer key whose tokens live for an hour."""
    connect_with_key(office)
    yield office
    canvas.options(clock_offset_seconds=0)


def stored(office) -> str:
    return connection_of(office).token.open(office.canvases.keys)


def refreshes(calls: list[str]) -> int:
    return calls.count(TOKEN_CALL)


def test_the_token_is_replaced_before_the_hour_ends_and_only_then(keyed, canvas):
    first = stored(keyed)
    later(keyed, 54 * 60)
    assert refreshes(keyed.deliver()) == 0
    later(keyed, 2 * 60)
    assert refreshes(keyed.deliver()) == 1
    assert stored(keyed) != first
    assert refreshes(keyed.deliver()) == 0
    course = keyed.course("ART", "art")
    keyed.register(course)
    keyed.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_a_key_of_five_seconds_takes_one_refresh_each_life(office, canvas):
    connect_with_key(office, expires_in=5)
    for _ in range(4):
        later(office, 4.1)
        assert refreshes(office.deliver()) == 1
        assert refreshes(office.deliver()) == 0
    canvas.options(clock_offset_seconds=0)


def test_a_key_whose_tokens_never_end_is_never_refreshed(office):
    connection = connect_with_key(office, expires_in=None)
    assert connection.refresh_at is None
    office.later(days=400)
    assert refreshes(office.deliver()) == 0


@pytest.mark.parametrize(
    "fault", [{"fault": "reset"}, {"fault": "html", "status": 503}, {"fault": "html", "status": 200}]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_refresh_whose_answer_was_lost_is_asked_for_again_and_nothing_is_lost(keyed, canvas, fault, when):
    course = keyed.course("ART", "art")
    keyed.register(course)
    later(keyed, 56 * 60)
    canvas.faults({"match": TOKEN_CALL, "times": 2, "when": when, **fault})
    assert refreshes(keyed.deliver()) == 1
    assert refreshes(keyed.deliver()) == 0
    assert connection_of(keyed).refresh_tries == 1
    later(keyed, 10)
    keyed.deliver()
    assert connection_of(keyed).refresh_tries == 2
    later(keyed, 90)
    keyed.deliver()
    assert connection_of(keyed).refresh_tries == 0
    later(keyed, 60)
    keyed.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert connection_of(keyed).hold_cause is None
    assert {seat.attempts for seat in keyed.seats()} == {0}


def test_a_revoked_approval_holds_everything_until_one_new_approval_releases_it(keyed, canvas):
    key = make_key(keyed)
    art, bio = keyed.course("ART", "art"), keyed.course("BIO", "bio")
    canvas.change_key({"client_id": connection_of(keyed).client_id}, revoke=True)
    for course in (art, bio):
        keyed.register(course)
    assert refreshes(keyed.deliver()) == 1
    assert connection_of(keyed).hold_cause == "key_refused"
    assert connection_of(keyed).hold_detail == "Its approval was revoked in Canvas."
    assert keyed.status()["hold"] == "key_refused"
    for _ in range(3):
        later(keyed, 3600)
        assert keyed.deliver() == []
    connect_with_key(keyed, key)
    keyed.deliver()
    assert canvas.who_is_in("art") == canvas.who_is_in("bio") == {"kim@example.org"}


def test_a_key_that_is_off_is_refreshed_seldom_and_works_once_it_is_on(keyed, canvas):
    """Canvas then gives tokens and refuses them."""
    key = {"client_id": connection_of(keyed).client_id}
    canvas.change_key(key, state="off")
    for who in ("kim", "lou", "new"):
        keyed.register(keyed.course(who.upper(), "art"), who)
    assert refreshes(keyed.deliver()) <= 1
    assert connection_of(keyed).hold_cause == "key_refused"
    later(keyed, 60)
    assert refreshes(keyed.deliver()) == 0
    canvas.change_key(key, state="on")
    later(keyed, 20 * 60)
    keyed.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org", "lou@example.org", "new@example.org"}


def test_a_call_refused_for_an_old_token_uses_the_stored_one(keyed, canvas):
    """Another process has refreshed since this one read the key, which killed the token that it has."""
    for number in range(3):
        keyed.register(keyed.course(f"C{number}", "art"), f"p{number}")
    canvas.options(latency_seconds=0.1)
    others = type(keyed.canvases)(
        keyed.canvases.keys, keyed.canvases.allow_private, mass_seats=keyed.canvases.mass_seats
    )

    def refresh_elsewhere() -> None:
        with keyed.app.app_context():
            session = keyed.app.extensions["sqlalchemy"].session
            connection = session.query(Connection).one()
            connection.refresh_at = keyed.now
            session.commit()
            keeper.renew(session, connection, others, lambda: keyed.now)
            session.remove()

    elsewhere = threading.Timer(0.15, refresh_elsewhere)
    elsewhere.start()
    keyed.deliver()
    elsewhere.join()
    keyed.deliver()
    canvas.options(latency_seconds=0)
    assert canvas.who_is_in("art") == {f"p{number}@example.org" for number in range(3)}
    assert connection_of(keyed).hold_cause is None


def test_a_page_replaces_an_expired_token(keyed, canvas):
    later(keyed, 56 * 60)
    connection = connection_of(keyed)
    connection.refresh_at = clock.utc_now()
    keyed.session.commit()
    with page_calls.asking(keyed.session, keyed.canvases, connection, time.monotonic() + 5) as client:
        assert client.myself().name == "Practice Admin"
    assert refreshes(canvas.calls()) == 1


RENEWING = """
import sys, wsgi
from ascriptica_plugin.shared import clock
from ascriptica_plugin.sync import keeper
from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.columns import Sealed
app = wsgi.app
with app.app_context():
    session = app.extensions["sqlalchemy"].session
    print("ready", flush=True)
    sys.stdin.readline()
    connection = session.query(Connection).one()
    keeper.renew(session, connection, app.extensions["ascriptica"].canvases, clock.utc_now)
    session.refresh(connection)
    print(app.extensions["ascriptica"].canvases.client(connection).myself().name)
"""


def test_one_of_many_processes_refreshes_and_all_continue_with_its_token(office, canvas, database_url, tmp_path):
    connection = connect_with_key(office)
    connection.refresh_at = clock.utc_now()
    office.session.commit()
    canvas.options(latency_seconds=0.3)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", RENEWING],
            cwd=REPOSITORY,
            env={**os.environ, **environment(database_url), "SECRET_KEY": "only for tests"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    with ThreadPoolExecutor(5) as threads:
        said = list(threads.map(lambda child: child.communicate("go\n", timeout=60)[0], children))
    canvas.options(latency_seconds=0)
    assert said == ["Practice Admin\n"] * 5
    assert refreshes(canvas.calls()) == 1


def test_an_answer_that_came_after_the_lock_ran_out_is_not_stored(keyed, canvas, monkeypatch):
    """Another process refreshed meanwhile; which of the two tokens lives, Canvas shows at the next call."""
    later(keyed, 56 * 60)
    connection = connection_of(keyed)
    call = keyed.canvases.oauth

    def slow(*key):
        oauth = call(*key)

        class Slow:
            def refresh(self, token):
                grant = oauth.refresh(token)
                keyed.later(seconds=9)
                monkeypatch.undo()
                keeper.renew(keyed.session, connection, keyed.canvases, lambda: keyed.now)
                return grant

        return Slow()

    monkeypatch.setattr(keyed.canvases, "oauth", slow)
    keeper.renew(keyed.session, connection, keyed.canvases, lambda: keyed.now)
    assert refreshes(canvas.calls()) == 2
    assert keyed.canvases.client(connection_of(keyed)).myself().name == "Practice Admin"


# -- a pasted token ---------------------------------------------------------------------------------------------------


def test_the_end_of_a_pasted_token_is_asked_for_once_a_day(office, canvas):
    ends = (office.now + timedelta(days=10)).replace(microsecond=0)
    canvas.options(token_expires_at=ends.isoformat())
    assert "GET /users/self/tokens/" not in "".join(office.deliver())
    office.later(days=1, minutes=1)
    assert [call[:23] for call in office.deliver() if "tokens" in call] == ["GET /users/self/tokens/"]
    assert connection_of(office).token_expires_at == ends
    assert token_end.warned_of(connection_of(office), office.now) == 14
    assert office.deliver() == []
    canvas.options(token_expires_at=None)


def test_the_end_of_a_token_stays_unknown_where_canvas_does_not_say_it(office, canvas):
    connection = office.connect()
    assert (connection.token_end_known, connection.token_expires_at) == (True, None)
    canvas.faults({"match": "GET /users/self/tokens", "fault": "status", "status": 404})
    assert not office.connect().token_end_known


def test_a_running_drain_takes_over_a_new_token(office, canvas, monkeypatch):
    """The old one is revoked meanwhile: nothing waits, nothing is counted, nothing is associated anew."""
    monkeypatch.setattr("ascriptica_plugin.shared.pauses.KEY_SECONDS", 0.1)
    for number in range(24):
        office.register(office.course(f"C{number}", "art"), f"p{number}")
    new = canvas.hand("POST", "users/self/tokens", **{"token[purpose]": "new"})["visible_token"]
    canvas.options(latency_seconds=0.1)
    asked_by = []
    carry = CanvasClient._exchange
    monkeypatch.setattr(
        CanvasClient,
        "_exchange",
        lambda self, *rest: (asked_by.append((time.monotonic(), self._token_start)), carry(self, *rest))[1],
    )
    swapped = []

    def swap() -> None:
        with office.app.app_context():
            session = office.app.extensions["sqlalchemy"].session
            connection = session.query(Connection).one()
            connection.token = Sealed.seal(new, office.canvases.keys)
            session.commit()
            session.remove()
        canvas.options(token="revoked")
        swapped.append(time.monotonic())

    timer = threading.Timer(0.3, swap)
    timer.start()
    office.deliver()
    timer.join()
    canvas.options(latency_seconds=0, token="active")
    assert len(canvas.who_is_in("art")) == 24
    old = [at for at, start in asked_by if start == canvas.token[:5] and at > swapped[0]]
    assert all(at - swapped[0] < 2 for at in old)
    assert connection_of(office).hold_cause is None
    assert {seat.attempts for seat in office.seats()} == {0}
