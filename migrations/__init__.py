"""Our migrations, with a history of their own beside a host's. `not_ours` keeps a host's migrations away from them."""

from typing import Any

OURS = "ascriptica_"
"""How the name of every table of ours begins, with that of our version table."""


def not_ours(thing: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    """For a host's own migrations: `Migrate(app, db, include_object=not_ours)`, or in its `env.py`.

    Without it `flask db migrate` finds our tables, and none of them in the host's models, and so drops them all.
    """
    table = name if type_ == "table" else getattr(getattr(thing, "table", None), "name", None)
    return not (table or "").startswith(OURS)
