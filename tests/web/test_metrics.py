"""/metrics, as Prometheus reads it."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ascriptica_plugin.ledger import metrics
from ascriptica_plugin.shared import clock
from ascriptica_plugin.sync import page_calls
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.worker import rounds

from ..databases import a_table_gone
from ..developer_keys import connect_with_key, later
from ..office_at_work import Office
from ..pages import new_course, save, typed

TOKEN = "a-token-for-the-metrics"


@pytest.fixture
def scraped(office):
    """Read /metrics as Prometheus does: {(name, labels' values): value}."""
    return lambda: {(one.name, *one.labels.values()): one.value for one in samples_of(office)}


def samples_of(office: Office) -> list[Sample]:
    """What /metrics says, once a worker has stored what it counted."""
    office.app.config["ASCRIPTICA_METRICS_TOKEN"] = TOKEN
    store(office, office.canvases.tally)
    answer = office.app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return [one for family in text_string_to_metric_families(answer.text) for one in family.samples]


def store(office: Office, tally: metrics.Tally) -> None:
    with metrics.storing(office.session, tally):
        office.session.commit()


def test_metrics_are_not_found_without_a_configured_token(client):
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


REFUSED = [None, "", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é", TOKEN, f" {TOKEN}", f"Bearer{TOKEN}"]


@pytest.mark.parametrize("given", REFUSED)
def test_only_the_token_opens_the_metrics(app, client, given):
    app.config["ASCRIPTICA_METRICS_TOKEN"] = TOKEN
    answer = client.get("/metrics", headers={"Authorization": given} if given is not None else {})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "ascriptica_" not in answer.text


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN}"])
def test_the_scheme_may_be_written_in_any_case(app, client, given):
    app.config["ASCRIPTICA_METRICS_TOKEN"] = TOKEN
    assert client.get("/metrics", headers={"Authorization": given}).status_code == 200


def test_seats_calls_and_the_connection_are_counted(office, canvas, scraped):
    art = office.course("ART", "art")
    office.register(art)
    office.register(art, "lou")
    office.deliver()
    found = scraped()
    assert found["ascriptica_seats", "enrolled"] == 2
    assert found["ascriptica_connection_up",] == 1
    assert found["ascriptica_oldest_due_seconds",] == 0
    assert found["ascriptica_canvas_calls_total", "POST courses/:id/enrollments", "ok"] == 2
    assert found["ascriptica_canvas_call_seconds_count",] == sum(
        value for (name, *_), value in found.items() if name == "ascriptica_canvas_calls_total"
    )
    assert found["ascriptica_canvas_call_seconds_bucket", "30"] == found["ascriptica_canvas_call_seconds_count",]


def test_waiting_seats_are_counted_by_cause(office, scraped):
    settings = load_settings(office.session)
    settings.create_users = False
    office.session.commit()
    office.register(office.course("ART", "art"), "stranger")
    office.deliver()
    assert scraped()["ascriptica_seats_waiting", "no_account"] == 1
    settings = load_settings(office.session)
    settings.connection.hold_cause = "token_dead"
    office.session.commit()
    found = scraped()
    assert (found["ascriptica_connection_up",], found["ascriptica_connection_hold", "token_dead"]) == (0, 1)


def test_failed_calls_are_counted_by_what_failed(office, canvas, scraped):
    canvas.faults({"match": "* *", "times": None, "when": "before", "fault": "status", "status": 503})
    office.register(office.course("ART", "art"))
    office.deliver()
    found = scraped()
    assert sum(value for (name, *labels), value in found.items() if labels[1:] == ["CanvasDown"]) >= 1


def test_a_token_that_is_refreshed_is_counted(office, canvas, scraped):
    connect_with_key(office)
    assert scraped()["ascriptica_key_refreshes_total",] == 0
    later(office, 56 * 60)
    office.deliver()
    canvas.options(clock_offset_seconds=0)
    assert scraped()["ascriptica_key_refreshes_total",] == 1


def test_metrics_show_the_calls_under_way_and_when_the_worker_looked_for_work(office, scraped):
    assert scraped()["ascriptica_worker_seen_seconds",] == -1
    tally = office.canvases.tally
    tally.looked_at = clock.utc_now()
    tally.begin()
    tally.begin()
    rounds.count(office.app)
    found = scraped()
    assert (found["ascriptica_canvas_calls_in_flight",], found["ascriptica_worker_seen_seconds",] >= 0) == (2, True)


def test_the_end_of_a_pasted_token_is_shown_where_it_is_known(office, scraped):
    name, ends_at = ("ascriptica_token_expires_timestamp_seconds",), datetime(2027, 3, 1, 9, tzinfo=UTC)
    assert name not in scraped()
    load_settings(office.session).connection.token_expires_at = ends_at
    office.session.commit()
    assert scraped()[name] == ends_at.timestamp()
    load_settings(office.session).connection.key_kind = "developer_key"
    office.session.commit()
    assert name not in scraped(), "it renews itself"
    load_settings(office.session).connection = None
    office.session.commit()
    assert name not in scraped()


def counted_by(office: Office, tally: metrics.Tally) -> None:
    """What a worker with this tally does every five seconds."""
    office.canvases.tally = tally
    rounds.count(office.app)


def test_the_calls_under_way_of_a_worker_are_counted_beside_one_that_stands_by(office, scraped):
    drains, stands_by = metrics.Tally(), metrics.Tally()
    drains.in_flight = 3
    for tally in (drains, stands_by, drains, stands_by):
        tally.looked_at = clock.utc_now()
        counted_by(office, tally)
        assert scraped()["ascriptica_canvas_calls_in_flight",] == 3
    drains.in_flight = 0
    counted_by(office, drains)
    assert scraped()["ascriptica_canvas_calls_in_flight",] == 0


def test_the_calls_of_a_worker_that_was_killed_count_for_a_minute(office, scraped):
    killed, lives = metrics.Tally(), metrics.Tally()
    killed.in_flight, killed.looked_at = 5, clock.utc_now() - timedelta(seconds=50)
    lives.in_flight, lives.looked_at = 2, clock.utc_now()
    for tally in (killed, lives):
        counted_by(office, tally)
    assert scraped()["ascriptica_canvas_calls_in_flight",] == 7
    killed.looked_at -= timedelta(seconds=11)
    counted_by(office, killed)
    assert scraped()["ascriptica_canvas_calls_in_flight",] == 2


def test_every_process_adds_to_the_same_counters(office, scraped):
    for _ in range(2):
        tally = metrics.Tally()
        tally.count(metrics.MAILS, 3)
        store(office, tally)
    assert scraped()["ascriptica_mails_sent_total",] == 6


def test_counts_that_could_not_be_stored_are_stored_the_next_time(office, scraped, monkeypatch):
    office.canvases.tally.count(metrics.MAILS, 3)
    with a_table_gone(office.app, "ascriptica_measure"):
        with pytest.raises(DBAPIError):
            rounds.count(office.app)
        office.session.rollback()
    with monkeypatch.context() as failing:
        failing.setattr(Session, "commit", fail)
        with pytest.raises(RuntimeError):
            rounds.count(office.app)
        office.session.rollback()
    office.canvases.tally.count(metrics.MAILS, 1)
    assert scraped()["ascriptica_mails_sent_total",] == 4


def fail(*_) -> None:
    raise RuntimeError("not now")


def test_a_page_s_calls_that_could_not_be_stored_are_stored_the_next_time(office, scraped):
    call = "ascriptica_canvas_calls_total", "GET users/self", "ok"
    before, connection = scraped()[call], load_settings(office.session).connection
    office.session.commit()
    with a_table_gone(office.app, "ascriptica_measure"):
        asking = page_calls.asking(office.session, office.canvases, connection, time.monotonic() + 9)
        with pytest.raises(DBAPIError), asking as client:
            client.myself()
        office.session.rollback()
    assert scraped()[call] == before + 1


def calls_stored(office) -> float:
    """As another process reads it."""
    office.session.commit()
    return sum(value for (name, *_), value in metrics.load(office.session).items() if name == metrics.CALLS)


def test_calls_to_canvas_by_pages_are_counted_too(office, admin, canvas):
    office.course("ART", "art")
    store(office, office.canvases.tally)
    before, _ = calls_stored(office), canvas.calls()
    form = new_course(canvas_course=str(canvas.ids["course.art"]), sections="1")
    assert "Late group" in admin.post("/tools/courses/ART/edit", data=form).text
    of_a_page = len(canvas.calls())
    assert calls_stored(office) == before + of_a_page > before


def test_calls_by_course_settings_before_anything_is_connected_are_counted_too(admin, canvas, app):
    canvas.calls()
    save(admin, typed(canvas))
    office = Office(app, canvas)
    assert calls_stored(office) == len(canvas.calls()) > 0
