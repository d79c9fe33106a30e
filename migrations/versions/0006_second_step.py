"""A second step at sign-in, and what browser a session is on"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ascriptica_second_step",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ascriptica_account.id"],
            name=op.f("fk_ascriptica_second_step_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_ascriptica_second_step")),
    )
    op.create_table(
        "ascriptica_first_step",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ascriptica_account.id"],
            name=op.f("fk_ascriptica_first_step_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_ascriptica_first_step")),
    )
    op.create_index(op.f("ix_ascriptica_first_step_account_id"), "ascriptica_first_step", ["account_id"])
    op.add_column(
        "ascriptica_account_session", sa.Column("browser", sa.String(length=60), nullable=False, server_default="")
    )


def downgrade() -> None:
    op.drop_column("ascriptica_account_session", "browser")
    op.drop_table("ascriptica_first_step")
    op.drop_table("ascriptica_second_step")
