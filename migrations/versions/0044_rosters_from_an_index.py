"""The people on a roster are found in its index alone"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

NAME, TABLE = "ix_ascriptica_registration_course", "ascriptica_registration"


def upgrade() -> None:
    _index(["course_id", "status", "participant_id", "id"])


def _index(columns: list[str]) -> None:
    op.drop_index(NAME, TABLE)
    op.create_index(NAME, TABLE, columns)


def downgrade() -> None:
    _index(["course_id", "status"])
