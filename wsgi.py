"""A complete small host: `app` for gunicorn and the flask command; `python wsgi.py` starts everything at once."""

from pathlib import Path

try:
    from click import ClickException
    from flask import Flask

    from ascriptica_plugin.standalone import site
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is missing. Install what this host needs: pip install '.[standalone]'") from None

HERE = Path(__file__).absolute()


def create_app(given: dict | None = None) -> Flask:
    """The stand-alone site, with its files beside this one."""
    return site.create_app(given, HERE.with_name("instance"))


if __name__ == "__main__":
    from ascriptica_plugin.standalone import one_machine

    one_machine.run(create_app, HERE)
else:
    try:
        app = create_app()
    except RuntimeError as error:
        # The flask command shows this without a trace, and gunicorn stops; after SystemExit it would keep trying.
        raise ClickException(str(error)) from None
