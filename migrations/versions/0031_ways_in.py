"""How people new to Canvas get in: one choice of three"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

LOST = sa.text("way_in = 'lost'")


def upgrade() -> None:
    # mail_link stays for processes of the release before; the next release drops it.
    op.add_column("ascriptica_settings", sa.Column("way_in", sa.String(20), nullable=True))
    op.execute("UPDATE ascriptica_settings SET way_in = 'canvas_mail' WHERE mail_link")
    # Where a Canvas is connected, mailing nobody may have been chosen; elsewhere nothing was.
    op.execute("UPDATE ascriptica_settings SET way_in = 'sso' WHERE NOT mail_link AND connection_id IS NOT NULL")
    op.add_column("ascriptica_connection", sa.Column("sign_ins", sa.JSON(), nullable=True))
    op.add_column("ascriptica_connection", sa.Column("sign_in_id", sa.BigInteger(), nullable=True))
    op.add_column("ascriptica_canvas_user", sa.Column("way_in", sa.String(20), nullable=True))
    op.create_index(
        "ix_ascriptica_canvas_user_lost",
        "ascriptica_canvas_user",
        ["connection_id", "participant_id"],
        sqlite_where=LOST,
        postgresql_where=LOST,
    )
    op.add_column("ascriptica_mail", sa.Column("link", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("ascriptica_mail", "link")
    op.drop_index("ix_ascriptica_canvas_user_lost", "ascriptica_canvas_user")
    op.drop_column("ascriptica_canvas_user", "way_in")
    op.drop_column("ascriptica_connection", "sign_in_id")
    op.drop_column("ascriptica_connection", "sign_ins")
    op.execute("UPDATE ascriptica_settings SET mail_link = (way_in IS NOT NULL AND way_in <> 'sso')")
    op.drop_column("ascriptica_settings", "way_in")
