"""Courses as people search for them and sort them: without case and accents, on every database"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

COURSE = sa.table("ascriptica_course", *map(sa.column, ("id", "title", "sorted_by")))


def upgrade() -> None:
    op.add_column("ascriptica_course", sa.Column("sorted_by", sa.String(length=255), server_default="", nullable=False))
    connection = op.get_bind()
    one = sa.update(COURSE).where(COURSE.c.id == sa.bindparam("number"))
    rows = connection.execute(sa.select(COURSE.c.id, COURSE.c.title)).all()
    if rows:
        connection.execute(one, [{"number": row.id, "sorted_by": _sorted_by(row.title)} for row in rows])


def downgrade() -> None:
    op.drop_column("ascriptica_course", "sorted_by")


# -- as tables/folding.py was when this was written -------------------------------------------------------------------

LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
)


def _fold(text: str) -> str:
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = "".join(sign for sign in apart if unicodedata.category(sign) not in ("Mn", "Cf")).translate(LETTERS)
    return " ".join(text.lower().split())


def _sorted_by(name: str) -> str:
    folded = _fold(name)
    start = next((at for at, sign in enumerate(folded) if sign.isalnum()), 0)
    return folded[start : start + 255]
