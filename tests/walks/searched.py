"""Where a secret could have stayed: in tables, files, processes, cookies and answers."""

import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import requests
from itsdangerous import base64_decode
from sqlalchemy import inspect, text

from ..office_at_work import Office
from ..processes import FLASK, REPOSITORY, Process, Web, environment


class Desk:
    """An administrator's browser, which keeps all that it was ever shown."""

    def __init__(self, web: Web, cookie: str, form_token: str):
        self.web, self.form_token = web, form_token
        self.seen: list[bytes] = []
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.cookies.set("session", cookie, domain="127.0.0.1")
        self.session.hooks["response"] = self._keep

    def _keep(self, answer: requests.Response, **_: object) -> None:
        self.seen += [answer.url.encode(), str(answer.headers).encode(), answer.content]
        self.seen += [_opened(cookie) for cookie in answer.cookies.get_dict().values()]

    def get(self, path: str) -> requests.Response:
        return self.session.get(f"{self.web.url}{path}", timeout=30)

    def post(self, path: str, **form: str) -> requests.Response:
        # What a form brought is shown by where it leads to, and by the page there.
        return self.session.post(f"{self.web.url}{path}", data={"csrf_token": self.form_token, **form}, timeout=30)


def _opened(cookie: str) -> bytes:
    """What a session cookie says, which is signed and not encrypted."""
    content = base64_decode(cookie.removeprefix(".").partition(".")[0])
    return zlib.decompress(content) if cookie.startswith(".") else content


def tables(office: Office) -> Iterator[bytes]:
    """Every row of every table, as the database has it."""
    engine = office.app.extensions["sqlalchemy"].engine
    with engine.connect() as connection:
        for name in inspect(connection).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{name}"')):
                yield repr(tuple(bytes(one) if isinstance(one, memoryview) else one for one in row)).encode()


def of_the_system(pid: int) -> list[bytes]:
    """What everybody on the machine, or the owner, can see of a process and of its children."""
    proc = Path(f"/proc/{pid}")
    children = (proc / "task" / str(pid) / "children").read_text().split()
    mine = [(proc / name).read_bytes() for name in ("cmdline", "environ")]
    return [*mine, *(said for child in children for said in of_the_system(int(child)))]


def files_of_the_database(office: Office) -> list[Path]:
    """SQLite's file and its log, or PostgreSQL's whole folder where it is on this machine."""
    engine = office.app.extensions["sqlalchemy"].engine
    if engine.dialect.name == "sqlite":
        path = Path(engine.url.database)
        return list(path.parent.glob(f"{path.name}*"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        folder = Path(connection.scalar(text("SHOW data_directory")))
    return [file for file in folder.rglob("*") if file.is_file()]


def content_of(file: Path) -> bytes:
    """In lower case; nothing if PostgreSQL has removed the file meanwhile, as it does with what it keeps for itself.

    Another process reads it: if this one closed a file of SQLite's, its locks on it would be gone, and other processes
    would damage the file.
    """
    while (done := subprocess.run(["cat", file], capture_output=True)).returncode:
        if not file.exists():
            return b""
    return done.stdout.lower()


def commands(database_url: str, *all_arguments: list[str]) -> list[bytes]:
    """The output of our commands, all run at once."""
    settings = {**Process([], **environment(database_url)).environment}
    command = [FLASK[0], "-m", "tests.loud", *FLASK[2:]]
    started = [
        subprocess.Popen(
            [*command, *arguments], cwd=REPOSITORY, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for arguments in all_arguments
    ]
    return [child.communicate(timeout=60)[0] for child in started]
