"""Runs our revisions on the connection that `flask ascriptica upgrade` hands over.

Our history has a version table of its own and sees only our tables, so it lives beside a host's own migrations.
"""

from alembic import context

from ascriptica_plugin.tables.columns import Base

LEFT_FOR_ONE_RELEASE = {
    ("ascriptica_seat", name)
    for name in ("first_tried_at", "in_doubt_until", "in_doubt_enrolls", "granted", "enrolled", "kept")
}
"""Columns that nothing here uses any more. Web processes of the release before still do during an upgrade."""


def include_object(thing, name, type_, reflected, compare_to) -> bool:
    """Only what is ours: a host's tables in the same database are none of our business."""
    table = thing if type_ == "table" else getattr(thing, "table", None)
    if type_ == "column" and (thing.table.name, name) in LEFT_FOR_ONE_RELEASE:
        return False
    return table is None or table.name.startswith("ascriptica_")


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table="ascriptica_alembic_version",
    include_object=include_object,
    render_as_batch=True,
    compare_type=True,
)

with context.begin_transaction():
    context.run_migrations()
