"""Mails to participants and administrators"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
TO_MAIL = sa.text("notify AND in_mailed_at IS NULL AND status = 'registered'")


def upgrade() -> None:
    # People who are registered already are not mailed about it.
    op.add_column(
        "ascriptica_registration", sa.Column("notify", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("ascriptica_registration", sa.Column("in_mailed_at", TIME, nullable=True))
    op.create_index(
        "ix_ascriptica_registration_to_mail",
        "ascriptica_registration",
        ["id"],
        sqlite_where=TO_MAIL,
        postgresql_where=TO_MAIL,
    )
    op.add_column("ascriptica_mail", sa.Column("registration_id", sa.Integer(), nullable=True))
    op.add_column("ascriptica_mail", sa.Column("event", sa.String(120), nullable=True))
    op.create_index("ix_ascriptica_mail_registration_id", "ascriptica_mail", ["registration_id"])
    op.create_table(
        "ascriptica_alert",
        sa.Column("event", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_ascriptica_alert")),
    )
    op.create_index("ix_ascriptica_alert_kind", "ascriptica_alert", ["kind"])
    op.add_column("ascriptica_settings", sa.Column("admin_mails", sa.Text(), server_default="", nullable=False))
    op.add_column("ascriptica_settings", sa.Column("mails_off", sa.String(255), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("ascriptica_settings", "mails_off")
    op.drop_column("ascriptica_settings", "admin_mails")
    op.drop_table("ascriptica_alert")
    op.drop_index("ix_ascriptica_mail_registration_id", "ascriptica_mail")
    op.drop_column("ascriptica_mail", "event")
    op.drop_column("ascriptica_mail", "registration_id")
    op.drop_index("ix_ascriptica_registration_to_mail", "ascriptica_registration")
    op.drop_column("ascriptica_registration", "in_mailed_at")
    op.drop_column("ascriptica_registration", "notify")
