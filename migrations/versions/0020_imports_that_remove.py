"""Imports that would remove many people wait for somebody to decide"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ascriptica_import", sa.Column("removes", sa.JSON(), nullable=True))
    may_remove = sa.Column("may_remove", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("ascriptica_import", may_remove)


def downgrade() -> None:
    op.drop_column("ascriptica_import", "may_remove")
    op.drop_column("ascriptica_import", "removes")
