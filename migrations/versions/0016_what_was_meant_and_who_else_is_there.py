"""Which row a request was meant to end, and whether a Canvas course has people of others"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ascriptica_request", sa.Column("row_created_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "ascriptica_course_read", sa.Column("has_others", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("ascriptica_course_read", "has_others")
    op.drop_column("ascriptica_request", "row_created_at")
