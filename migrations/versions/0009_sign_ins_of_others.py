"""When the password was last given in a session, a new email that waits for its link, and emails people had before"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ascriptica_account_session", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ascriptica_one_time_link", sa.Column("email", sa.String(length=320), nullable=True))
    op.add_column("ascriptica_mail", sa.Column("account_id", sa.Integer(), nullable=True))
    op.create_table(
        "ascriptica_former_email",
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["ascriptica_participant.id"],
            name=op.f("fk_ascriptica_former_email_participant_id"),
        ),
        sa.PrimaryKeyConstraint("participant_id", "email", name=op.f("pk_ascriptica_former_email")),
    )
    _remember_what_the_log_knows()


def _remember_what_the_log_knows() -> None:
    """The emails before, as the office's corrections are in the log: "name: A → B; email: a@x → b@x"."""
    log = sa.table("ascriptica_log", *map(sa.column, ("participant_id", "what", "words")))
    former = sa.table("ascriptica_former_email", *map(sa.column, ("participant_id", "email")))
    corrected = sa.select(log.c.participant_id, log.c.words).where(
        log.c.what == "corrected", log.c.participant_id.is_not(None), log.c.words.contains("email: ")
    )
    connection = op.get_bind()
    known = {
        (number, email.lower())
        for number, words in connection.execute(corrected)
        for email in re.findall(r"(?:^|; )email: (\S+@\S+) → ", words)
    }
    if known:
        rows = [{"participant_id": number, "email": email} for number, email in sorted(known)]
        connection.execute(sa.insert(former), rows)


def downgrade() -> None:
    op.drop_table("ascriptica_former_email")
    op.drop_column("ascriptica_mail", "account_id")
    op.drop_column("ascriptica_one_time_link", "email")
    op.drop_column("ascriptica_account_session", "confirmed_at")
