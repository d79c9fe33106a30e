"""Worker processes that lose Redis, are killed, and come back."""

import json
import re
import signal

from sqlalchemy import create_engine, select, text

from ascriptica_plugin.tables.canvas import Connection
from ascriptica_plugin.tables.ledger import Match
from ascriptica_plugin.tables.office import Course
from ascriptica_plugin.tables.requests import Request

from ..office_at_work import Office
from ..processes import until, waiting, worker
from ..standalone.accounts.visitors import link_in, visitor


def test_the_worker_sends_the_sign_up_mail(mailing, inbox):
    environment = {name: mailing.config[name] for name in ("SMTP_URL", "MAIL_FROM", "ASCRIPTICA_ADDRESS")}
    process = worker(mailing.config["SQLALCHEMY_DATABASE_URI"], **environment)
    process.start()
    visitor(mailing).sign_up()
    until(lambda: inbox.mails)
    code, log = process.end()
    assert code == 0
    assert link_in(inbox.mails[0]).rpartition("/")[2] not in log


def test_a_registration_reaches_canvas_and_a_withdrawal_leaves_it(ringing, canvas, at_work):
    at_work.start()
    course = ringing.course("ART", "art")
    ringing.register(course)
    until(lambda: canvas.roster("art") == {"kim@example.org": "active"})
    ringing.withdraw(course)
    until(lambda: canvas.roster("art") == {"kim@example.org": "deleted"})
    code, log = at_work.end()
    assert code == 0
    assert canvas.token not in log


def test_the_sweep_delivers_without_redis(ringing, canvas, valkey, at_work):
    valkey.end(signal.SIGKILL)
    at_work.start()
    ringing.register(ringing.course("ART", "art"))
    until(lambda: canvas.roster("art") == {"kim@example.org": "active"})
    assert at_work.end()[0] == 0


def test_the_worker_outlives_redis_and_answers_the_bell_again(ringing, canvas, valkey, at_work):
    at_work.start()
    course = ringing.course("ART", "art")
    ringing.register(course, "kim")
    until(lambda: canvas.roster("art") == {"kim@example.org": "active"})
    valkey.end(signal.SIGKILL)
    ringing.register(course, "lou")
    until(lambda: canvas.roster("art").get("lou@example.org") == "active")
    valkey.start()
    ringing.register(course, "new")
    until(lambda: canvas.roster("art").get("new@example.org") == "active")
    until(lambda: waiting(valkey) == 0)
    assert at_work.child.poll() is None


def test_a_worker_killed_between_canvas_s_answer_and_the_commit_enrolls_nobody_twice(
    ringing, canvas, database_url, at_work
):
    course = ringing.course("ART", "art")
    course_id = course.id
    canvas.options(latency_seconds=1)
    at_work.start()
    ringing.register(ringing.session.get(Course, course_id), "new")
    ringing.session.commit()
    # Once the enrollment's call is on its way, the database takes no more writes from the worker.
    until(lambda: any("/users" in call["path"] for call in canvas.read("calls")["calls"] if call["method"] == "POST"))
    until(lambda: _enrolls(ringing))
    ringing.session.commit()
    engine = create_engine(database_url)
    with engine.connect() as blocker:
        lock = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "LOCK TABLE ascriptica_seat IN EXCLUSIVE MODE"
        until(lambda: _wrote_user(ringing))
        blocker.execute(text(lock))
        until(lambda: canvas.roster("art") == {"new@example.org": "active"})
        at_work.end(signal.SIGKILL)
        blocker.rollback()
    engine.dispose()
    canvas.options(latency_seconds=0)
    [seat] = ringing.seats()
    assert seat.canvas_enrollment_id is None
    ringing.session.commit()

    at_work.start()
    until(lambda: ringing.status()["seats"]["enrolled"] == 1)
    assert canvas.roster("art") == {"new@example.org": "active"}
    assert [user["login"] for user in canvas.read("world")["users"]].count("new@example.org") == 1


def test_a_worker_that_is_stopped_finishes_the_calls_that_are_under_way(ringing, canvas, at_work):
    course_id = ringing.course("ART", "art").id
    canvas.options(latency_seconds=2)
    at_work.start()
    for who in ("kim", "lou", "max"):
        ringing.register(ringing.session.get(Course, course_id), who)
        ringing.session.commit()
    until(lambda: _enrolls(ringing))
    assert at_work.end()[0] == 0
    until(lambda: all(call["status"] is not None for call in canvas.read("calls")["calls"]))
    ringing.session.rollback()
    # Every answer of Canvas was heard.
    live = {email for email, state in canvas.roster("art").items() if state == "active"}
    assert live
    assert {seat.participant.email for seat in ringing.seats() if seat.canvas_enrollment_id is not None} == live
    made = {user["id"] for user in canvas.read("world")["users"] if user["login"] == "max@example.org"}
    assert made <= set(ringing.session.scalars(select(Match.canvas_user_id)))
    assert ringing.session.scalars(select(Connection.drain_until_at)).all() == [None]


def _enrolls(office: Office) -> bool:
    office.session.expire_all()
    return office.session.scalar(select(Request.id).where(Request.kind == "enroll")) is not None


def _wrote_user(office: Office) -> bool:
    office.session.expire_all()
    known = office.session.query(Match).first()
    office.session.commit()
    return known is not None and known.canvas_user_id is not None


def test_changes_made_while_no_worker_ran_are_delivered_at_its_start(ringing, canvas, valkey, at_work):
    course = ringing.course("ART", "art")
    for who in ("kim", "lou"):
        ringing.register(course, who)
    ringing.withdraw(course, "lou")
    with valkey.client() as client:
        client.flushall()
    at_work.start()
    until(lambda: canvas.roster("art") == {"kim@example.org": "active"})


def test_status_says_when_a_worker_was_last_seen(ringing, canvas, valkey, at_work):
    def said() -> str:
        ringing.session.remove()
        return ringing.app.test_cli_runner().invoke(args=["ascriptica", "status"]).output.splitlines()[-1]

    def seconds() -> int | None:
        found = re.fullmatch(r"A worker was last seen (\d+) s ago\.", said())
        return int(found[1]) if found else None

    assert said() == "No worker has been seen."
    at_work.start()
    until(lambda: seconds() is not None and seconds() < 3)
    at_work.end()
    assert seconds() is None, "it said that it ends"
    at_work.start()
    until(lambda: seconds() is not None)
    at_work.end(signal.SIGKILL)
    until(lambda: seconds() > 3)


def test_status_sees_a_worker_that_delivers_without_redis(ringing, canvas, valkey, at_work):
    valkey.end(signal.SIGKILL)
    canvas.options(latency_seconds=1)
    ringing.register(ringing.course("ART", "art"))
    at_work.start()

    def seen() -> float | None:
        ringing.session.remove()
        result = ringing.app.test_cli_runner().invoke(args=["ascriptica", "status", "--json"])
        return json.loads(result.stdout)["worker_seen_seconds"]

    until(lambda: seen() is not None)
    canvas.options(latency_seconds=0)
    until(lambda: ringing.status()["seats"]["enrolled"] == 1)
    at_work.end()
    assert seen() is None, "it said that it ends"
    assert canvas.roster("art") == {"kim@example.org": "active"}
