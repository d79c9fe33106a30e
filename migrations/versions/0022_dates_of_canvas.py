"""What a look at a Canvas course says: that it takes nobody any more, and between which dates it lets people in"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ascriptica_association", sa.Column("trouble", sa.String(length=40), nullable=True))
    for name in ("opens_at", "closes_at"):
        op.add_column("ascriptica_association", sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("closes_at", "opens_at", "trouble"):
        op.drop_column("ascriptica_association", name)
