"""Sessions, sign-ups, one-time links, mails and allowances of the stand-alone host"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ascriptica_account_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ascriptica_account.id"],
            name=op.f("fk_ascriptica_account_session_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_ascriptica_account_session")),
    )
    op.create_index(op.f("ix_ascriptica_account_session_account_id"), "ascriptica_account_session", ["account_id"])
    op.create_table(
        "ascriptica_sign_up",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("wanted", sa.String(length=500), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_sign_up")),
    )
    op.create_index(op.f("ix_ascriptica_sign_up_email"), "ascriptica_sign_up", ["email"])
    op.create_table(
        "ascriptica_one_time_link",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("sign_up_id", sa.String(length=32), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(sign_up_id IS NULL) <> (account_id IS NULL)", name=op.f("ck_ascriptica_one_time_link_for_one_thing")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["ascriptica_account.id"],
            name=op.f("fk_ascriptica_one_time_link_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["sign_up_id"],
            ["ascriptica_sign_up.id"],
            name=op.f("fk_ascriptica_one_time_link_sign_up_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_ascriptica_one_time_link")),
    )
    op.create_index("ix_ascriptica_one_time_link_account_id", "ascriptica_one_time_link", ["account_id"])
    op.create_index("ix_ascriptica_one_time_link_sign_up_id", "ascriptica_one_time_link", ["sign_up_id"])
    op.create_table(
        "ascriptica_mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("sign_up_id", sa.String(length=32), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ascriptica_mail")),
    )
    op.create_index(op.f("ix_ascriptica_mail_try_at"), "ascriptica_mail", ["try_at"])
    op.create_table(
        "ascriptica_tries",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_ascriptica_tries")),
    )
    op.create_index(op.f("ix_ascriptica_tries_until"), "ascriptica_tries", ["until"])


def downgrade() -> None:
    op.drop_table("ascriptica_tries")
    op.drop_table("ascriptica_mail")
    op.drop_table("ascriptica_one_time_link")
    op.drop_table("ascriptica_sign_up")
    op.drop_table("ascriptica_account_session")
