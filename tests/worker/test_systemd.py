"""What systemd hears from the worker."""

import signal
import socket
import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from ascriptica_plugin.ledger.metrics import Tally
from ascriptica_plugin.shared import clock
from ascriptica_plugin.worker import rounds, systemd

from ..office_at_work import in_use, make_app
from ..processes import worker


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """systemd's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind(str(tmp_path / "notify"))
        found.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield found


def test_a_state_is_sent_to_systemd(heard):
    systemd.notify("READY=1")
    assert heard.recv(100) == b"READY=1"


def test_a_missing_systemd_socket_is_only_logged(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    systemd.notify("READY=1")
    assert "systemd could not be notified: FileNotFoundError." in caplog.text
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify("READY=1")


@pytest.mark.parametrize(
    ("asks", "whom", "seconds"),
    [("30000000", None, 30), ("30000000", "1", None), ("", None, None), ("soon", None, None)],
)
def test_the_watchdog_counts_only_for_the_process_it_names(monkeypatch, asks, whom, seconds):
    monkeypatch.setenv("WATCHDOG_USEC", asks)
    if whom:
        monkeypatch.setenv("WATCHDOG_PID", whom)
    assert systemd.watchdog_seconds() == seconds


@pytest.fixture
def waits(heard, monkeypatch):
    """What systemd hears from a worker with this tally until it is asked to end: after so many words, or a while."""
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    ends, here = {signal.SIGUSR2}, threading.get_ident()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)

    def wait(tally: Tally, *, until_heard: int) -> list[bytes]:
        found: list[bytes] = []

        def listen() -> None:
            heard.settimeout(0.3)
            try:
                while len(found) < until_heard:
                    found.append(heard.recv(100))
            except TimeoutError:
                pass
            signal.pthread_kill(here, signal.SIGUSR2)

        listener = threading.Thread(target=listen)
        listener.start()
        rounds._wait_for(ends, tally)
        listener.join()
        return found

    yield wait
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def minutes_ago(minutes: int) -> datetime:
    return clock.utc_now() - timedelta(minutes=minutes)


def test_a_worker_that_looks_for_work_says_that_it_is_alive(waits):
    tally = Tally()
    tally.looked_at = minutes_ago(0)
    assert waits(tally, until_heard=2) == [b"WATCHDOG=1"] * 2


def test_a_worker_that_is_stuck_does_not_say_that_it_is_alive(waits):
    tally = Tally()
    tally.looked_at = minutes_ago(2)
    assert waits(tally, until_heard=1) == []
    tally.database_away_at = minutes_ago(2)
    assert waits(tally, until_heard=1) == [], "its drain has hung since the database came back"


def test_a_worker_that_waits_for_the_database_says_that_it_is_alive_and_is_not_seen_at_work(waits, tmp_path):
    with in_use(make_app(f"sqlite:///{tmp_path}/away/office.sqlite3")) as app:
        tally = app.extensions["ascriptica"].canvases.tally
        tally.looked_at = stuck_since = minutes_ago(2)
        with pytest.raises(OperationalError):
            rounds.sweep(app)
    assert waits(tally, until_heard=2) == [b"WATCHDOG=1"] * 2
    assert tally.looked_at == stuck_since


def test_a_worker_says_that_it_is_ready_and_that_it_ends(heard, sqlite_url):
    heard.settimeout(120)
    process = worker(sqlite_url)
    process.start()
    assert heard.recv(100) == b"READY=1"
    assert process.end()[0] == 0
    assert heard.recv(100) == b"STOPPING=1"
