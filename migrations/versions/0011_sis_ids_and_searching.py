"""A SIS ID for one person only, people as they are searched for and sorted, and more about imports"""

import re
import unicodedata
from contextlib import suppress

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

AT_ONCE = 5000

PERSON = sa.table(
    "ascriptica_participant",
    sa.column("id", sa.Integer),
    sa.column("name", sa.String),
    sa.column("email", sa.String),
    sa.column("sis_user_id", sa.String),
    sa.column("sis_user_id_refused", sa.String),
    sa.column("sis_user_id_decided", sa.Boolean),
    sa.column("sorted_by", sa.String),
    sa.column("found_by", sa.Text),
)
IN_CANVAS = sa.table("ascriptica_canvas_user", *map(sa.column, ("participant_id", "canvas_user_id")))

NO_ID = re.compile(r"#.*|[+-]?[0.,]+|[+-]?\d+([.,]\d+)?e[+-]\d+|n/?a|none|null|nan|\W+", re.IGNORECASE)
"""What spreadsheets and people write where there is no SIS ID: about these, nobody is asked whose they are."""


def upgrade() -> None:
    add = op.add_column
    add("ascriptica_participant", sa.Column("sis_user_id_refused", sa.String(length=255), nullable=True))
    add(
        "ascriptica_participant",
        sa.Column("sis_user_id_decided", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    add("ascriptica_participant", sa.Column("sorted_by", sa.String(length=255), server_default="", nullable=False))
    add("ascriptica_participant", sa.Column("found_by", sa.Text(), server_default="", nullable=False))
    for name in ("remarks", "columns", "ignored"):
        add("ascriptica_import", sa.Column(name, sa.JSON(), nullable=True))
    for name in ("to_confirm", "rename"):
        add("ascriptica_import", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    connection = op.get_bind()
    connection.execute(sa.update(PERSON).where(sa.func.trim(PERSON.c.sis_user_id) == "").values(sis_user_id=None))
    _one_person_for_each_sis_id(connection)
    _fold_everybody(connection)
    op.drop_index("ix_ascriptica_participant_by_name", "ascriptica_participant")
    op.create_index("ix_ascriptica_participant_sorted_by", "ascriptica_participant", ["sorted_by", "id"])
    for name, column, unique in (
        ("uq_ascriptica_participant_sis_user_id", "sis_user_id", True),
        ("ix_ascriptica_participant_sis_user_id_refused", "sis_user_id_refused", False),
    ):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            name, "ascriptica_participant", [column], unique=unique, sqlite_where=there, postgresql_where=there
        )


def _one_person_for_each_sis_id(connection: sa.Connection) -> None:
    """A doubled SIS ID stays with the one of them whose Canvas user is known; else an administrator is asked."""
    doubled = sa.select(PERSON.c.sis_user_id).group_by(PERSON.c.sis_user_id).having(sa.func.count() > 1)
    in_canvas = sa.exists().where(IN_CANVAS.c.participant_id == PERSON.c.id, IN_CANVAS.c.canvas_user_id.is_not(None))
    rows = connection.execute(
        sa.select(PERSON.c.id, PERSON.c.sis_user_id, in_canvas.label("known")).where(
            PERSON.c.sis_user_id.is_not(None), PERSON.c.sis_user_id.in_(doubled)
        )
    ).all()
    known: dict[str, list[int]] = {}
    for row in rows:
        if row.known:
            known.setdefault(row.sis_user_id, []).append(row.id)
    taking_away = [
        {
            "number": row.id,
            "sis_user_id_refused": row.sis_user_id,
            "sis_user_id_decided": bool(NO_ID.fullmatch(row.sis_user_id.strip())),
        }
        for row in rows
        if known.get(row.sis_user_id) != [row.id]
    ]
    if taking_away:
        one = sa.update(PERSON).where(PERSON.c.id == sa.bindparam("number"))
        connection.execute(one.values(sis_user_id=None), taking_away)
        _leave_matches_fresh(connection, [row["number"] for row in taking_away])


def _leave_matches_fresh(connection: sa.Connection, numbers: list[int]) -> None:
    """Losing the SIS ID is no correction: until the office decides, everybody stays whom Canvas knows them as."""
    if "from_sis_user_id" not in {it["name"] for it in sa.inspect(connection).get_columns("ascriptica_canvas_user")}:
        return
    match = sa.table("ascriptica_canvas_user", *map(sa.column, ("participant_id", "from_sis_user_id")))
    one = sa.update(match).where(match.c.participant_id == sa.bindparam("number"))
    connection.execute(one.values(from_sis_user_id=None), [{"number": number} for number in numbers])


def _fold_everybody(connection: sa.Connection) -> None:
    columns = (PERSON.c.id, PERSON.c.name, PERSON.c.email, PERSON.c.sis_user_id)
    one = sa.update(PERSON).where(PERSON.c.id == sa.bindparam("number"))
    last = 0
    while rows := connection.execute(
        sa.select(*columns).where(PERSON.c.id > last).order_by(PERSON.c.id).limit(AT_ONCE)
    ).all():
        last = rows[-1].id
        folded = [
            {
                "number": row.id,
                "sorted_by": _sorted_by(row.name),
                "found_by": "\n".join(
                    map(_fold, (row.name, row.email, _as_pronounced(row.email), row.sis_user_id or ""))
                ),
            }
            for row in rows
        ]
        connection.execute(one, folded)


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


def _as_pronounced(email: str) -> str:
    domain = email.rpartition("@")[2]
    with suppress(UnicodeError):
        return domain.encode("ascii").decode("idna") if "xn--" in domain.lower() else ""
    return ""


def downgrade() -> None:
    person = sa.update(PERSON).where(PERSON.c.sis_user_id.is_(None), PERSON.c.sis_user_id_refused.is_not(None))
    op.drop_index("uq_ascriptica_participant_sis_user_id", "ascriptica_participant")
    op.drop_index("ix_ascriptica_participant_sis_user_id_refused", "ascriptica_participant")
    op.drop_index("ix_ascriptica_participant_sorted_by", "ascriptica_participant")
    op.get_bind().execute(person.values(sis_user_id=PERSON.c.sis_user_id_refused))
    op.create_index("ix_ascriptica_participant_by_name", "ascriptica_participant", [sa.text("lower(name)"), "id"])
    for column in ("rename", "to_confirm", "ignored", "columns", "remarks"):
        op.drop_column("ascriptica_import", column)
    for column in ("found_by", "sorted_by", "sis_user_id_decided", "sis_user_id_refused"):
        op.drop_column("ascriptica_participant", column)
