"""How many people an import of registrations has made"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ascriptica_import", sa.Column("new_people", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("ascriptica_import", "new_people")
