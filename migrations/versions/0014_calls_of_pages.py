"""The places from which pages call Canvas"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ascriptica_page_call",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number BETWEEN 1 AND 2", name="ck_ascriptica_page_call_number_known"),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["ascriptica_connection.id"],
            name="fk_ascriptica_page_call_connection_id_ascriptica_connection",
        ),
        sa.PrimaryKeyConstraint("connection_id", "number", name="pk_ascriptica_page_call"),
    )


def downgrade() -> None:
    op.drop_table("ascriptica_page_call")
