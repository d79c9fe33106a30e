"""What systemd hears from the worker."""

import os
import signal
import socket
import threading
from datetime import timedelta

import pytest

from ascriptica_plugin.ledger.metrics import Tally
from ascriptica_plugin.shared import clock
from ascriptica_plugin.worker import rounds, systemd

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


def test_a_worker_that_is_stuck_does_not_say_that_it_is_alive(heard, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    tally, ends = Tally(), {signal.SIGUSR2}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    here = threading.get_ident()

    def waits(*, until_heard: int) -> list[bytes]:
        """What systemd hears until the worker is asked to end: after so many words, or after a while."""
        found = []

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

    tally.looked_at = clock.utc_now()
    assert waits(until_heard=2) == [b"WATCHDOG=1"] * 2
    while True:
        heard.settimeout(0.1)
        try:
            heard.recv(100)
        except TimeoutError:
            break
    tally.looked_at = clock.utc_now() - timedelta(minutes=2)
    assert waits(until_heard=1) == []
    assert os.environ["WATCHDOG_USEC"]


def test_a_worker_says_that_it_is_ready_and_that_it_ends(heard, sqlite_url):
    heard.settimeout(120)
    process = worker(sqlite_url)
    process.start()
    assert heard.recv(100) == b"READY=1"
    assert process.end()[0] == 0
    assert heard.recv(100) == b"STOPPING=1"
