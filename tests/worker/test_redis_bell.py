"""The bell, with a real Valkey."""

import signal

import pytest
import redis
import rq

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.office import Course

from ..office_at_work import someone
from ..processes import waiting


def silence(valkey) -> None:
    """Silence the bell, which has rung for the Canvas course that was associated."""
    with redis.Redis.from_url(valkey.url) as connection:
        connection.flushall()


def test_many_committed_registrations_ring_the_bell_once(ringing, valkey):
    course = ringing.course("ART", "art")
    for number in range(5):
        ringing.register(course, f"p{number}")
    assert waiting(valkey) == 1


def test_a_registration_that_is_rolled_back_does_not_ring(ringing, valkey):
    course = ringing.course("ART", "art")
    silence(valkey)
    registrations.register(ringing.session, course, someone("kim"), ringing.now)
    ringing.session.rollback()
    ringing.session.commit()
    assert waiting(valkey) == 0


def test_the_bell_does_not_ring_before_the_commit(ringing, valkey):
    course = ringing.course("ART", "art")
    silence(valkey)
    registrations.register(ringing.session, course, someone("kim"), ringing.now)
    with ringing.session.begin_nested():
        ringing.session.add(Course(code="X", title="X"))
    assert waiting(valkey) == 0
    ringing.session.commit()
    assert waiting(valkey) == 1


def test_the_job_carries_no_data(ringing, valkey, canvas):
    ringing.register(ringing.course("ART", "art"))
    with valkey.client() as client:
        [job] = rq.Queue(ringing.app.extensions["ascriptica"].bell.queue, connection=client, serializer="json").jobs
        assert job.func_name == "ascriptica_plugin.worker.jobs.sync_enrollments"
        assert (job.args, job.kwargs) in [((), {}), ([], {})]
        everything = b"".join(client.dump(key) for key in client.scan_iter())
    assert canvas.token.encode() not in everything


@pytest.mark.parametrize("hurt", [signal.SIGKILL, signal.SIGSTOP])
def test_registering_works_while_redis_is_dead_or_frozen(ringing, valkey, hurt, caplog):
    course = ringing.course("ART", "art")
    valkey.send(hurt)
    ringing.register(course)
    assert course.places_taken == 1
    assert "The worker is not notified, and looks every few seconds instead." in caplog.text
