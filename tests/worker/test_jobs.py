"""Somebody else who can write to Redis: nothing of theirs runs in the worker, and the worker continues."""

import json
import pickle
import re
import signal
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import rq
from itsdangerous import TimestampSigner
from rq.job import Job

from ..office_at_work import Office
from ..processes import Process, Valkey, until

OURS = "ascriptica_plugin.worker.jobs.sync_enrollments"


@pytest.fixture
def database_url(tmp_path, empty_sqlite: Path) -> str:
    """One kind of database is enough here: what is tried is Redis."""
    path = tmp_path / "office.sqlite3"
    path.write_bytes(empty_sqlite.read_bytes())
    return f"sqlite:///{path}"


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def stranger_module(folder: Path, marker: Path) -> None:
    """A module that the worker could import, and whose import or any call leaves a mark."""
    (folder / "stranger.py").write_text(
        f"from pathlib import Path\nPath({str(marker)!r}).touch()\ndef call(*_):\n    Path({str(marker)!r}).touch()\n"
    )


def test_only_our_own_job_runs(
    ringing: Office,
    valkey: Valkey,
    at_work: Process,
    canvas,
    tmp_path: Path,
):
    marker = tmp_path / "it ran"
    stranger_module(tmp_path, marker)
    at_work.environment["PYTHONPATH"] = str(tmp_path)
    packed = pickle.dumps(Bomb(marker))
    with valkey.client() as client:
        queue = rq.Queue(ringing.app.extensions["ascriptica"].bell.queue, connection=client, serializer="json")
        strange = [
            queue.enqueue("os.system", f"touch '{marker}'"),
            queue.enqueue("stranger.call"),
            queue.enqueue(OURS, "an argument"),
            queue.enqueue("ascriptica_plugin.tables.upgrade.upgrade_tables"),
            queue.enqueue("sync_enrollments", on_failure=rq.Callback("stranger.call")),
        ]
        # Ours by name, and more that RQ would do for anybody who asks.
        polite = queue.enqueue(
            OURS, on_success=rq.Callback("stranger.call"), on_failure=rq.Callback("stranger.call"), meta={"a": 1}
        )
        client.hset(polite.key, mapping={"meta": packed, "result": packed, "timeout": 1})
        webhook = {"url": f"{canvas.api}/hook", "job_status": "finished", "headers": {}}
        client.hset(polite.key, "webhooks", json.dumps([webhook]))
        # Payloads that are no JSON, and a job that says what no job says.
        for number, data in enumerate((packed, zlib.compress(packed), b"\xff\x00", b"[]", b"{}")):
            bad = queue.enqueue(OURS)
            client.hset(bad.key, "data", data)
            strange.append(bad)
            if number == 4:
                client.hset(bad.key, mapping={"status": "dancing"})
        # An abandoned run, which maintenance would report to a callback.
        left = Job.create(OURS, connection=client, serializer="json", on_failure=rq.Callback("stranger.call"))
        left.save()
        client.hset(left.key, mapping={"status": "started", "meta": packed, "data": packed})
        client.zadd(f"rq:wip:{ringing.app.extensions['ascriptica'].bell.queue}", {f"{left.id}:x": 1})
        client.sadd("rq:groups", "theirs")
        client.sadd("rq:group:theirs", left.id)

    at_work.start()
    with valkey.client() as client:
        until(lambda: marker.exists() or not client.exists(queue.key, f"{queue.key}:intermediate"))
        assert not marker.exists()
        # Orders that RQ takes on the worker's channel.
        [worker] = [name.decode() for name in client.smembers("rq:workers")]
        written = [
            client.publish(worker.replace("rq:worker:", "rq:pubsub:"), json.dumps({"command": command}))
            for command in ("shutdown", "kill-horse", "stop-job")
        ]
        assert written == [0, 0, 0]
    ringing.register(ringing.course("ART", "art"))
    until(lambda: canvas.roster("art") == {"kim@example.org": "active"})
    assert not marker.exists()
    code, log = at_work.end(signal.SIGTERM)
    assert code == 0
    assert log.count("not ours; it was thrown away") == len(strange)
    assert [line for line in log.splitlines() if "os.system" in line and "ERROR" in line]
    assert "Traceback" not in log
    assert "/hook" not in canvas.calls()
    assert not marker.exists()


def test_a_job_that_is_not_ours_is_not_unpacked(
    ringing: Office,
    valkey: Valkey,
    at_work: Process,
):
    packed = zlib.compress(bytes(300_000_000))
    with valkey.client() as client:
        queue = rq.Queue(ringing.app.extensions["ascriptica"].bell.queue, connection=client, serializer="json")
        client.hset(queue.enqueue(OURS).key, "data", packed)
        at_work.start()
        until(lambda: not client.exists(queue.key, f"{queue.key}:intermediate"))
    written = Path(f"/proc/{at_work.child.pid}/status").read_text()
    code, log = at_work.end(signal.SIGTERM)
    assert (code, log.count("not ours; it was thrown away")) == (0, 1)
    assert int(re.search(r"VmHWM:\s+([0-9]+) kB", written)[1]) < 250_000


FORGED = {
    "a worker of RQ's with a bad pid": lambda client, bell: (
        client.hset("rq:worker:x", mapping={"pid": "none", "last_heartbeat": "soon", "queues": bell.queue}),
        client.sadd("rq:workers", "rq:worker:x"),
        client.sadd(f"rq:workers:{bell.queue}", "rq:worker:x"),
    ),
    "a worker of RQ's that is well": lambda client, bell: (
        client.hset(
            "rq:worker:x",
            mapping={"pid": "7", "last_heartbeat": "2999-01-01T00:00:00.000000Z", "queues": bell.queue},
        ),
        client.sadd("rq:workers", "rq:worker:x"),
        client.sadd(f"rq:workers:{bell.queue}", "rq:worker:x"),
    ),
    "a word without a signature": lambda client, bell: client.set(bell.heard, "listening"),
    "another's signature": lambda client, bell: client.set(
        bell.heard, TimestampSigner("guessed", salt="ascriptica worker").sign("listening")
    ),
    "bytes": lambda client, bell: client.set(bell.heard, b"\xff" * 1_000_000),
    "a list": lambda client, bell: (client.delete(bell.heard), client.lpush(bell.heard, "listening")),
}


@pytest.mark.parametrize("forged", FORGED)
def test_nothing_in_redis_hides_that_no_worker_runs(ringing: Office, valkey: Valkey, forged: str):
    with valkey.client() as client:
        FORGED[forged](client, ringing.app.extensions["ascriptica"].bell)
    for arguments in (["status", "--json"], ["status"]):
        ringing.session.remove()
        written = ringing.app.test_cli_runner().invoke(args=["ascriptica", *arguments])
        assert written.exit_code == 0, written.output
    assert "No worker has been seen" in written.output


def test_a_worker_s_sign_of_life_keeps_its_own_time(ringing: Office, valkey: Valkey):
    heard = ringing.app.extensions["ascriptica"].bell
    with valkey.client() as client:
        heard.hear(client)
        old = client.get(heard.heard)
        time.sleep(2)
        client.set(heard.heard, old)
    assert datetime.now(UTC) - heard.heard_at() > timedelta(seconds=1.5)
