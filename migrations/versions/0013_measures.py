"""What processes count, for /metrics and worker-health"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ascriptica_measure",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("labels", sa.String(length=150), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "labels", name=op.f("pk_ascriptica_measure")),
    )


def downgrade() -> None:
    op.drop_table("ascriptica_measure")
