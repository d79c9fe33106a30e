"""How participants reach the office"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COLUMNS = {"contact_text": 255, "contact_email": 320, "contact_phone": 255}


def upgrade() -> None:
    for name, length in COLUMNS.items():
        op.add_column("ascriptica_settings", sa.Column(name, sa.String(length), server_default="", nullable=False))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("ascriptica_settings", name)
