"""Informs systemd, if it asks, that the worker is ready, alive and stopping (sd_notify, a datagram to a socket)."""

import logging
import os
import socket

from ..shared.process_log import about

log = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Send `READY=1`, `WATCHDOG=1` or `STOPPING=1`. Does nothing outside a unit of `Type=notify`."""
    if not (address := os.environ.get("NOTIFY_SOCKET")):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            # A name that begins with @ is in the abstract namespace.
            sender.sendto(state.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
    except OSError as error:
        kind = type(error).__name__
        log.warning("systemd could not be notified: %s.", kind, extra=about(error=kind))


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear that the worker is alive (`WatchdogSec=`); None: it does not ask this process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() else None
