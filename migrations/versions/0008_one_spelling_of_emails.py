"""Emails of accounts and sign-ups in the one spelling that all are compared by"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op
from email_validator import EmailNotValidError, validate_email

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INVISIBLE = re.compile(r"[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")


def upgrade() -> None:
    connection = op.get_bind()
    # The smallest number first: of two accounts with one mailbox the older one gets its email, the other keeps its own.
    for name in ("ascriptica_account", "ascriptica_sign_up"):
        table = sa.table(name, sa.column("id"), sa.column("email"))
        rows = connection.execute(sa.select(table.c.id, table.c.email).order_by(table.c.id)).all()
        taken = {email for _, email in rows} if name == "ascriptica_account" else set()
        for number, email in rows:
            normal = _normal(email)
            if normal != email and normal not in taken:
                connection.execute(sa.update(table).where(table.c.id == number).values(email=normal))
                taken |= {normal} if name == "ascriptica_account" else set()


def downgrade() -> None:
    """An older version reads these emails as well."""


def _normal(email: str) -> str:
    # The rest is in small letters already, which is all that there is to do.
    if email.isascii():
        return email
    try:
        typed = unicodedata.normalize("NFKC", INVISIBLE.sub("", email).strip())
        read = validate_email(typed, check_deliverability=False)
    except EmailNotValidError:
        return email
    return f"{read.local_part}@{read.ascii_domain}".lower()
