"""Our migrations, with a history of their own beside a host's. `not_ours` keeps a host's migrations away from them."""

from typing import Any

OURS = "ascriptica_"
"""How the name of every table of ours begins, with that of our version table."""


LEFT_FOR_ONE_RELEASE = {
    ("ascriptica_settings", "mail_link"),
    ("ascriptica_seat", "first_tried_at"),
    ("ascriptica_seat", "in_doubt_until"),
    ("ascriptica_seat", "in_doubt_enrolls"),
    ("ascriptica_seat", "granted"),
    ("ascriptica_seat", "enrolled"),
    ("ascriptica_seat", "kept"),
}
"""Columns that nothing here uses any more, by table and name. Web processes of the release before still do during an
upgrade; a later release drops them."""


def not_ours(thing: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    """For a host's own migrations: `Migrate(app, db, include_object=not_ours)`, or in its `env.py`.

    Without it `flask db migrate` finds our tables, and none of them in the host's models, and so drops them all.
    """
    table = name if type_ == "table" else getattr(getattr(thing, "table", None), "name", None)
    return not (table or "").startswith(OURS)
