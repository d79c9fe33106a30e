"""Runs our revisions on the connection that `flask ascriptica upgrade` hands over.

Our history has a version table of its own and sees only our tables, so it lives beside a host's own migrations.
"""

from alembic import context
from ascriptica_plugin.migrations import LEFT_FOR_ONE_RELEASE, not_ours

from ascriptica_plugin.tables.columns import Base


def include_object(*what) -> bool:
    """Only what is ours: a host's tables in the same database are none of our business."""
    thing, name, type_, *_ = what
    if type_ == "column" and (thing.table.name, name) in LEFT_FOR_ONE_RELEASE:
        return False
    return not not_ours(*what)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table="ascriptica_alembic_version",
    include_object=include_object,
    render_as_batch=True,
    compare_type=True,
    # Other processes are at work: each revision locks only what it changes, and no longer than it takes.
    transaction_per_migration=True,
)

with context.begin_transaction():
    context.run_migrations()
