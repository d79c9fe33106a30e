"""Signals: sent after the commit and only then, in web and worker, with what they concern."""

import logging

import pytest
from sqlalchemy import func, select

from ascriptica_plugin import office as facade
from ascriptica_plugin import signals
from ascriptica_plugin.office import cancelling
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Registration
from ascriptica_plugin.worker import jobs

from .office_at_work import Office, someone, wait_for

ALL = ("registered", "withdrawn", "moved_up", "access_changed", "attention_needed")


@pytest.fixture
def heard():
    """Everything that is sent, as (signal, what it says without ids)."""
    found, receivers = [], []
    for name in ALL:

        def receive(app, name=name, **what):
            assert app.name
            found.append((name, {key: value for key, value in what.items() if not key.endswith("_id")}))

        getattr(signals, name).connect(receive)
        receivers.append(receive)
    yield found
    for name, receive in zip(ALL, receivers, strict=True):
        getattr(signals, name).disconnect(receive)


def about(who: str, course: str = "ART") -> dict:
    return {"key": who, "email": f"{who}@example.org", "course": course}


def test_registrations_are_announced_once_they_are_committed(here: Office, heard):
    course = here.course(capacity=1)
    facade.register(here.session, "ART", someone("kim"), here.now)
    assert heard == []
    here.session.commit()
    assert heard == [("registered", about("kim") | {"status": "registered"})]
    wait_for(here, course, "lou")
    assert heard[1:] == [("registered", about("lou") | {"status": "waitlisted"})]
    here.withdraw(course)
    assert heard[2:] == [("moved_up", about("lou")), ("withdrawn", about("kim"))]


def test_a_registration_that_is_rolled_back_is_not_announced(here: Office, heard):
    here.course()
    facade.register(here.session, "ART", someone("kim"), here.now)
    here.session.rollback()
    here.session.commit()
    with here.session.begin_nested() as savepoint:
        facade.register(here.session, "ART", someone("lou"), here.now)
        savepoint.rollback()
    facade.register(here.session, "ART", someone("new"), here.now)
    here.session.commit()
    assert [what["key"] for _, what in heard] == ["new"]


def test_a_cancelled_course_announces_everybody_s_withdrawal(here: Office, heard):
    course = here.course()
    for who in ("kim", "lou"):
        here.register(course, who)
    del heard[:]
    cancelling.cancel(here.session, course, here.now, "boss@example.org")
    here.session.commit()
    assert heard == [("withdrawn", about("kim")), ("withdrawn", about("lou"))]


def test_the_worker_announces_access(office: Office, heard):
    course = office.course("ART", "art")
    office.register(course)
    del heard[:]
    jobs.deliver(office.app)
    access = {"key": "kim", "email": "kim@example.org", "courses": ["ART"], "cause": None}
    assert heard == [("access_changed", access | {"access": "enrolled"})]
    office.withdraw(course)
    jobs.deliver(office.app)
    assert heard[-1] == ("access_changed", access | {"access": "removed"})
    # What is only confirmed is no change.
    count = len(heard)
    office.recheck()
    jobs.deliver(office.app)
    assert len(heard) == count


def test_attention_is_asked_for_once(office: Office, heard):
    settings = load_settings(office.session)
    settings.create_users = False
    office.session.commit()
    course = office.course("ART", "art")
    for who in ("stranger", "alien"):
        office.register(course, who)
    office.settle()
    asked = [what for name, what in heard if name == "attention_needed"]
    assert sum(what["people"] for what in asked) == 2
    assert {what["cause"] for what in asked} == {"no_account"}
    waiting = [what for name, what in heard if name == "access_changed"]
    assert {(what["key"], what["access"], what["cause"]) for what in waiting} == {
        ("stranger", "waiting", "no_account"),
        ("alien", "waiting", "no_account"),
    }


def test_a_dead_token_asks_for_attention_and_an_outage_does_not(office: Office, canvas, heard):
    office.register(office.course("ART", "art"))
    canvas.faults({"match": "* *", "times": None, "when": "before", "fault": "status", "status": 503})
    office.deliver()
    assert "attention_needed" not in dict(heard)
    canvas.session.delete(f"{canvas.url}/practice/faults", timeout=10)
    canvas.faults({"match": "* *", "times": None, "when": "before", "fault": "revoked"})
    office.later(minutes=2)
    office.deliver()
    assert ("attention_needed", {"cause": "token_dead", "scope": "", "people": None}) in heard


def test_a_receiver_may_use_the_session_and_one_that_raises_stops_nothing(here: Office, heard, caplog):
    counted = []

    def count(app, **what):
        counted.append(here.session.scalar(select(func.count()).select_from(Registration)))

    def fail(app, **what):
        here.session.scalar(select(Registration.id))
        raise RuntimeError("not today")

    here.course()
    with (
        signals.registered.connected_to(fail),
        signals.registered.connected_to(count),
        caplog.at_level(logging.ERROR),
    ):
        facade.register(here.session, "ART", someone("kim"), here.now)
        here.session.commit()
    assert counted == [1]
    assert [name for name, _ in heard] == ["registered"]
    assert [record.levelname for record in caplog.records if "ascriptica-registered" in record.message] == ["ERROR"]
    assert facade.register(here.session, "ART", someone("lou"), here.now) == "registered"
