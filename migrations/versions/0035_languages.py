"""In which language somebody reads: participants, mails about sign-ins, and reports of imports"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

TABLES = ("ascriptica_participant", "ascriptica_mail", "ascriptica_import")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("language", sa.String(20), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "language")
