"""One run of wsgi.py in a folder of its own, and a browser at it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests

from ...processes import free_port

HOST_FILE = Path(__file__).parents[3] / "wsgi.py"

# Seconds that an answer or the end of a process may take on a busy machine. A web process that is started anew needs a
# while there, and the listening socket takes requests meanwhile: they wait, rather than fail.
PATIENCE = 60
OURS = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "HOST", "PORT", "ASCRIPTICA_")


def wait_for(condition: Callable[[], object], seconds: float = 180) -> object:
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.05)
    return found


def commands() -> dict[int, str]:
    """The command of every process that is not a zombie."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if command:
                found[int(folder.name)] = command
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Host:
    """A folder with a wsgi.py in it, and its run if there is one."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.instance = folder / "instance"
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        folder.mkdir(exist_ok=True)
        shutil.copy(HOST_FILE, folder)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.end()

    def spawn(self, *command: str, **variables: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        environment |= {"PORT": str(self.port), **variables}
        with open(self.folder / "output", "w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *(command or ["wsgi.py"])],
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start(self, **variables: str) -> "Host":
        """Run it until it says that it serves."""
        if self.process is None or self.process.poll() is not None:
            self.spawn(**variables)
            wait_for(lambda: "Stop with" in self.output or self.process.poll() is not None)
            assert "Stop with" in self.output, self.output
        return self

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def printed(self) -> list[str]:
        """The lines about addresses and sign-ins."""
        return self.output.partition("Stop with")[0].splitlines()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def child(self, words: str) -> int | None:
        """The process that this run started with these words in its command."""
        mine = (pid for pid, command in commands().items() if words in command and parent(pid) == self.process.pid)
        return next(mine, None)

    def left(self) -> list[str]:
        """The processes of any run of this folder: they work in it, or were given its name."""
        found = []
        for pid, command in commands().items():
            try:
                if os.readlink(f"/proc/{pid}/cwd") == str(self.folder) or str(self.folder) in command:
                    found.append(command)
            except OSError:
                continue
        return found


class Browser:
    """Somebody signed in with one of the printed sign-ins."""

    def __init__(self, host: Host, email: str):
        self.host = host
        self.session = requests.Session()
        password = re.search(rf"{re.escape(email)}\s+(\S+)$", host.output, re.MULTILINE)[1]
        answer = self.post("/sign-in", "/sign-in", email=email, password=password)
        assert answer.status_code == 302, answer.text

    def post(self, page: str, action: str, **fields: str) -> requests.Response:
        text = self.session.get(self.host.url + page, timeout=PATIENCE).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)[1]
        return self.session.post(
            self.host.url + action,
            data={"csrf_token": token, **fields},
            timeout=PATIENCE,
            allow_redirects=False,
        )

    def change(self, code: str, verb: str) -> None:
        answer = self.post(f"/courses/{code}", f"/courses/{code}/{verb}")
        assert answer.status_code in (302, 303), answer.text


def states(host: Host, code: str) -> list[str]:
    """What the practice Canvas has of Pat's enrollments in a course."""
    world = json.loads((host.instance / "practice-canvas.json").read_text())
    address = re.search(r"Practice Canvas +(\S+)", host.output)[1]
    answer = requests.get(
        f"{address}api/v1/courses/sis_course_id:{code}/enrollments",
        {"per_page": "100"},
        headers={"Authorization": f"Bearer {world['admin_token']}"},
        timeout=PATIENCE,
    )
    return [row["enrollment_state"] for row in answer.json() if row["user"]["name"] == "Pat Example"]


def is_up(condition: Callable[[], bool]) -> bool:
    """The condition, or False while what it asks is away."""
    try:
        return condition()
    except (requests.ConnectionError, requests.Timeout):
        return False
