"""The key to Canvas is exchanged while a worker drains: from token to token, to a developer key, and back."""

import signal
import time

import pytest

from ascriptica_plugin.canvas.scopes import SCOPES

from ..developer_keys import BACK, make_key
from ..office_at_work import connection_of, many
from ..pages import COURSE_SETTINGS, connections_of, save, typed, words
from ..processes import until, worker

PEOPLE = 150
"""Their calls take 18 seconds, and fit into the practice Canvas's log of the last 500."""


@pytest.fixture
def at_work(office, database_url):
    process = worker(database_url)
    yield process
    if process.child is not None:
        process.end(signal.SIGKILL)


def test_a_new_key_is_used_by_all_calls_within_two_seconds(app, office, admin, canvas, at_work):
    course = office.course("ART", "art")
    before, looked_up_at = connection_of(office).id, course.association.looked_up_at
    new, last = (
        canvas.hand("POST", "users/self/tokens", **{"token[purpose]": "new"})["visible_token"] for _ in range(2)
    )
    key = make_key(office)
    many(office, course, PEOPLE)
    canvas.options(latency_seconds=0.4)
    at_work.start()

    def use(token: str) -> None:
        assert "Connected to" in words(save(admin, typed(canvas, canvas_token=token)))

    def use_key() -> None:
        fields = {"canvas_client_id": key["client_id"], "canvas_client_secret": key["client_secret"]}
        save(admin, typed(canvas, canvas_token="", canvas_key="developer_key", **fields))
        there = admin.get(f"{COURSE_SETTINGS}/approve").headers["Location"]
        state = there.partition("state=")[2].partition("&")[0]
        brought = canvas.approve(key, BACK, state=state, scope=" ".join(SCOPES))
        back = admin.get(f"{COURSE_SETTINGS}/approved", query_string=brought, follow_redirects=True)
        assert "Connected to" in words(back)

    def end(token: str) -> None:
        canvas.session.delete(
            f"{canvas.url}/login/oauth2/token", headers={"Authorization": f"Bearer {token}"}, timeout=10
        ).raise_for_status()

    keys = office.canvases.keys
    for number, exchange in enumerate((lambda: use(new), use_key, lambda: use(last)), 1):
        until(lambda least=number * PEOPLE // 10: len(canvas.who_is_in("art")) >= least)
        was = connection_of(office).token.open(keys)
        office.session.commit()
        exchange()
        assert len(canvas.who_is_in("art")) < PEOPLE, "the drain was over before"
        time.sleep(2)
        end(was)
    until(lambda: len(canvas.who_is_in("art")) == PEOPLE)
    canvas.options(latency_seconds=0, token="active")
    calls = canvas.read("calls")["calls"]
    assert [call for call in calls if call["status"] not in (200, None)] == []
    assert len([call for call in calls if call["method"] == "POST" and "/enrollments" in call["path"]]) == PEOPLE
    until(lambda: office.status()["seats"]["enrolled"] == PEOPLE)
    [connection] = connections_of(app)
    assert (connection.id, connection.key_kind, connection.hold_cause) == (before, "token", None)
    assert {(seat.attempts, seat.cause) for seat in office.seats()} == {(0, None)}
    assert course.association.looked_up_at == looked_up_at
