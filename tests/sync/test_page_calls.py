"""Pages ask Canvas from two counted places, and wait no longer than a person does."""

import threading
import time
from datetime import timedelta

import pytest

from ascriptica_plugin.canvas.errors import CanvasDown, TokenRefused
from ascriptica_plugin.ledger import page_calls
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.sync.page_calls import Busy, asking, counted
from ascriptica_plugin.tables.columns import Sealed

from ..office_at_work import connection_of
from ..pages import new_course, words


def take(office, at=None) -> int | None:
    holder = page_calls.take(office.session, connection_of(office).id, at or clock.utc_now())
    office.session.commit()
    return holder


def ask_for_sections(admin, canvas):
    typed = new_course(canvas_course=str(canvas.ids["course.art"]), sections="1")
    return admin.post("/tools/courses/ART/edit", data=typed)


def test_a_third_page_says_that_canvas_is_busy_until_a_place_is_given_back(office, admin, canvas, monkeypatch):
    monkeypatch.setattr(pauses, "PLACE_SECONDS", 0.1)
    office.course("ART", "art")
    holders = [take(office), take(office)]
    assert None not in holders
    canvas.calls()
    with (
        pytest.raises(Busy, match="Canvas is busy"),
        counted(office.session, office.canvases, connection_of(office).id),
    ):
        pass
    assert "Canvas is busy" in words(ask_for_sections(admin, canvas))
    assert canvas.calls() == []
    page_calls.give_back(office.session, connection_of(office).id, holders[0])
    office.session.commit()
    assert "Late group" in words(ask_for_sections(admin, canvas))
    # The page gave it back too.
    assert take(office) is not None
    assert take(office) is None


def test_a_place_that_nobody_gave_back_is_free_again(office):
    now = clock.utc_now()
    dead = [take(office, now), take(office, now)]
    assert take(office, now) is None
    taken = take(office, now + pauses.PAGE_CALL)
    # The page that held it and comes back late takes nothing away from the page that has it now.
    for holder in dead:
        if holder != taken:
            page_calls.give_back(office.session, connection_of(office).id, holder)
    office.session.commit()
    assert take(office, now + pauses.PAGE_CALL) is not None
    assert take(office, now + pauses.PAGE_CALL) is None
    # A clock that stepped back leaves no place taken for ever.
    assert take(office, now - timedelta(days=1)) is not None


def test_no_more_than_two_pages_call_canvas_at_a_time(office, app):
    connection_id, inside, most, failed = connection_of(office).id, [], [], []
    office.session.commit()

    def a_page() -> None:
        with app.app_context():
            session = app.extensions["sqlalchemy"].session
            try:
                with counted(session, office.canvases, connection_id):
                    inside.append(1)
                    most.append(len(inside))
                    time.sleep(0.05)
                    inside.pop()
            except Exception as error:
                failed.append(error)
            finally:
                session.remove()

    threads = [threading.Thread(target=a_page) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [error for error in failed if not isinstance(error, Busy)] == []
    assert max(most) == 2


def test_all_calls_of_a_page_share_one_deadline(office, canvas):
    canvas.calls()
    canvas.options(latency_seconds=3)
    until = time.monotonic() + 5
    with asking(office.session, office.canvases, connection_of(office), until) as client:
        client.myself()
        with pytest.raises(CanvasDown, match="did not answer in time"):
            client.myself()
        with pytest.raises(CanvasDown, match="did not answer in time"):
            client.myself()
    assert canvas.read("calls")["total"] == 2


def test_a_page_whose_token_was_replaced_continues_with_the_stored_one(office, canvas):
    new = canvas.hand("POST", "users/self/tokens", **{"token[purpose]": "new"})["visible_token"]
    with asking(office.session, office.canvases, connection_of(office), time.monotonic() + 20) as client:
        connection_of(office).token = Sealed.seal(new, office.canvases.keys)
        office.session.commit()
        canvas.options(token="revoked")
        assert client.myself().name == client.myself().name == "Practice Admin"
    assert [call["status"] for call in canvas.read("calls")["calls"]] == [401, 200, 200]
    canvas.options(token="active")


def test_a_page_whose_token_is_dead_asks_once(office, canvas):
    canvas.options(token="revoked")
    until = time.monotonic() + 20
    with pytest.raises(TokenRefused), asking(office.session, office.canvases, connection_of(office), until) as client:
        client.myself()
    assert canvas.calls() == ["GET /users/self"]
    canvas.options(token="active")


def test_a_page_is_shown_although_canvas_hangs(office, admin, canvas, monkeypatch):
    monkeypatch.setattr(pauses, "PAGE_SECONDS", 0.5)
    office.course("ART", "art")
    canvas.options(latency_seconds=25)
    began = time.monotonic()
    page = ask_for_sections(admin, canvas)
    assert time.monotonic() - began < 15
    assert 'name="canvas_course"' in page.text
