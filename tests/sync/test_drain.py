"""The drain: one after another, stopped on its way, and when the database fails."""

import threading
import time

import pytest
from sqlalchemy.exc import OperationalError

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.ledger import settling
from ascriptica_plugin.office import courses
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.sync import flight
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Association

from ..office_at_work import during_the_first_call


def test_a_drain_whose_database_fails_ends_only_after_its_calls(office, canvas, monkeypatch):
    course = office.course("ART", "art")
    for who in ("kim", "lou"):
        office.register(course, who)
    office.deliver()
    for who in ("kim", "lou"):
        office.withdraw(course, who)
    office.deliver()
    for who in ("kim", "lou"):
        office.register(course, who)
    lou, lou_is_in = "sis_login_id:lou@example.org", threading.Event()
    enroll, settle = CanvasClient.enroll, settling.settle

    def slow_for_lou(self, course_id, user_id, *args, **how):
        time.sleep(0.5 if user_id == lou else 0)
        answer = enroll(self, course_id, user_id, *args, **how)
        if user_id == lou:
            lou_is_in.set()
        return answer

    def gone(*args):
        monkeypatch.setattr(settling, "settle", settle)
        raise OperationalError("UPDATE", {}, Exception("the server closed the connection unexpectedly"))

    monkeypatch.setattr(CanvasClient, "enroll", slow_for_lou)
    monkeypatch.setattr(settling, "settle", lambda session, connection_id, works, now: gone() if works else None)
    with pytest.raises(OperationalError):
        office.deliver()
    office.withdraw(course, "lou")
    office.later(minutes=2)
    office.deliver()
    assert lou_is_in.wait(5)
    assert canvas.roster("art") == {"kim@example.org": "active", "lou@example.org": "deleted"}


def test_nothing_is_sent_while_canvas_is_switched_off_and_everything_afterwards(office, canvas):
    course = office.course("ART", "art")
    settings = load_settings(office.session)
    settings.display_canvas = False
    office.session.commit()
    office.register(course)
    assert office.deliver() == []
    assert office.status()["connection"] == "off"
    settings.display_canvas = True
    office.session.commit()
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_switching_canvas_off_stops_a_running_drain(office, canvas, monkeypatch):
    monkeypatch.setattr(pauses, "RENEW_SECONDS", 0)
    monkeypatch.setattr(pauses, "LOOK_SECONDS", 0)
    monkeypatch.setattr(flight, "FLIGHT", 1)
    monkeypatch.setattr(flight, "SPARE", 0)
    course = office.course("ART", "art")
    for number in range(20):
        office.register(course, f"p{number}")

    def switch_off():
        load_settings(office.session).display_canvas = False
        office.session.commit()

    during_the_first_call(office, monkeypatch, switch_off)
    office.deliver()
    office.session.expire_all()
    assert office.status()["seats"]["enrolled"] == 1


def test_a_running_drain_follows_a_change_of_course_settings(office, canvas, monkeypatch):
    monkeypatch.setattr(pauses, "RENEW_SECONDS", 0)
    monkeypatch.setattr(pauses, "LOOK_SECONDS", 0)
    monkeypatch.setattr(flight, "FLIGHT", 1)
    monkeypatch.setattr(flight, "SPARE", 0)
    course = office.course("ART", "art")
    for number in range(5):
        office.register(course, f"p{number}")

    def create_nobody():
        load_settings(office.session).create_users = False
        office.session.commit()

    during_the_first_call(office, monkeypatch, create_nobody)
    office.deliver()
    assert sorted(seat.cause or "" for seat in office.seats()) == ["", *["no_account"] * 4]


def test_a_course_name_too_long_to_store_is_cut_and_stops_nobody(office, canvas, monkeypatch):
    canvas.seed(
        users={"kim": {"name": "Kim", "login": "kim@example.org"}},
        courses={"art": {"name": "A" * 300}, "bio": {"name": "B"}},
    )
    office.connect()
    office.register(office.course("BIO", "bio"), "kim")
    course = office.course("ART")
    found = Association(connection_id=1, canvas_course=str(canvas.ids["course.art"]), look_up_at=office.now)
    courses.associate(office.session, course, found, office.now)
    office.session.commit()
    office.deliver()
    assert canvas.roster("bio") == {"kim@example.org": "active"}
    assert course.association.canvas_course_name == "A" * 255
