"""`flask ascriptica` as flask finds it once the package is installed: it runs the commands of the app in use."""

from typing import Any

import click
from flask.cli import NoAppException, ScriptInfo

from . import make_group


class _OfTheApp(click.Group):
    """Stands in for the app's own group, with whatever the app added to it."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        return _group(parent).make_context(info_name, args, parent, **extra)


def _group(context: click.Context | None) -> click.Group:
    try:
        app = context.ensure_object(ScriptInfo).load_app() if context else None
    except NoAppException:
        # Some commands need no app. The others say that there is none.
        return make_group()
    found = app.cli.commands.get("ascriptica") if app else None
    if not isinstance(found, click.Group):
        raise click.UsageError("This app has no Ascriptica in it. Set it up with Ascriptica(app, ...).")
    return found


group = _OfTheApp("ascriptica", help=make_group().help)
