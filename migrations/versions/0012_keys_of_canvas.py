"""Developer keys beside pasted tokens, when a token ends, and a proof under way"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _columns() -> dict[str, list[sa.Column]]:
    moment = sa.DateTime(timezone=True)
    connection = [
        sa.Column("key_kind", sa.String(length=20), server_default="token", nullable=False),
        sa.Column("token_expires_at", moment, nullable=True),
        sa.Column("token_end_known", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("token_end_asked_at", moment, nullable=True),
        sa.Column("client_id", sa.String(length=100), nullable=True),
        sa.Column("client_secret", sa.LargeBinary(), nullable=True),
        sa.Column("refresh_token", sa.LargeBinary(), nullable=True),
        sa.Column("refresh_at", moment, nullable=True),
        sa.Column("refresh_tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refreshing_until_at", moment, nullable=True),
        sa.Column("cuts_includes", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("proof", sa.JSON(), nullable=True),
    ]
    settings = [
        sa.Column("draft_key_kind", sa.String(length=20), server_default="token", nullable=False),
        sa.Column("draft_client_id", sa.String(length=100), nullable=True),
        sa.Column("draft_client_secret", sa.LargeBinary(), nullable=True),
        sa.Column("draft_refresh_token", sa.LargeBinary(), nullable=True),
        sa.Column("draft_refresh_at", moment, nullable=True),
        sa.Column("draft_state", sa.String(length=64), nullable=True),
    ]
    return {"ascriptica_connection": connection, "ascriptica_settings": settings}


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)


def downgrade() -> None:
    for table, columns in _columns().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
