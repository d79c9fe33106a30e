"""SIS imports also end enrollments and make users, and no request about all of a person stands for them any more"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("status", sa.String(length=10), server_default="active", nullable=False),
        sa.Column("canvas_enrollment_id", sa.BigInteger(), nullable=True),
        sa.Column("makes_user", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("ascriptica_mass_seat", column)
    # What the import has of a person is in its own table.
    op.execute("DELETE FROM ascriptica_request WHERE kind = 'import'")


def downgrade() -> None:
    for name in ("makes_user", "canvas_enrollment_id", "status"):
        op.drop_column("ascriptica_mass_seat", name)
