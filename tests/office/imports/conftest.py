"""The command that imports a file."""

import pytest


@pytest.fixture
def command(app, tmp_path):
    """Runs `flask ascriptica import`; returns exit code and output."""

    def run(kind: str, data: str | bytes, *options: str) -> tuple[int, str]:
        path = tmp_path / "file.csv"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        ran = app.test_cli_runner().invoke(args=["ascriptica", "import", kind, str(path), *options])
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
        return ran.exit_code, ran.output

    return run
