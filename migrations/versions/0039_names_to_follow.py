"""An index that finds the Canvas users who have to follow a name or an email"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

NAME, MATCH = "ix_ascriptica_canvas_user_follow", "ascriptica_canvas_user"


def upgrade() -> None:
    where = sa.text("follow_at IS NOT NULL")
    op.create_index(NAME, MATCH, ["connection_id", "follow_at"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index(NAME, MATCH)
