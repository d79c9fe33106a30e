"""When a Canvas was disconnected stands beside it, and doesn't end with its entry in the activity log"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ascriptica_connection", sa.Column("disconnected_at", sa.DateTime(timezone=True), nullable=True))
    _remember_what_the_log_knows()


def _remember_what_the_log_knows() -> None:
    """The Canvas that was disconnected last, where none is connected now."""
    names = ("id", "canvas_url", "account_name", "disconnected_at")
    there = sa.table("ascriptica_connection", *map(sa.column, names))
    log = sa.table("ascriptica_log", *map(sa.column, ("id", "at", "what", "words")))
    settings = sa.table("ascriptica_settings", sa.column("connection_id"))
    connection = op.get_bind()
    if connection.scalar(sa.select(settings.c.connection_id).where(settings.c.connection_id.is_not(None))):
        return
    last = sa.select(log.c.at, log.c.words).where(log.c.what == "disconnected").order_by(log.c.id.desc()).limit(1)
    for at, words in connection.execute(last).all():
        about = json.loads(words) if words and words.startswith("{") else {}
        its = (there.c.canvas_url == about.get("url"), there.c.account_name == about.get("account"))
        connection.execute(sa.update(there).where(*its).values(disconnected_at=at))


def downgrade() -> None:
    op.drop_column("ascriptica_connection", "disconnected_at")
