"""The tables about SIS imports, by which many people get into Canvas courses at once."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, SaidColumn


class MassImport(Base):
    """A SIS import, stored before it is sent. Only one at a time is open for a connection.

    `sent_at`, on Canvas's clock, is None until it is sent; `sha256` is the file's. `canvas_import_id` is None until
    Canvas has answered. `read_at`: what the import did was read. `over_at`: nothing of it is under way any more.
    `problem`: why it was given up. Nothing has to be done about it before `next_at`.
    """

    __tablename__ = "ascriptica_mass_import"
    __table_args__ = (
        Index(
            "uq_ascriptica_mass_import_open",
            "connection_id",
            unique=True,
            sqlite_where=text("over_at IS NULL"),
            postgresql_where=text("over_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"))
    begun_at: Mapped[datetime]
    next_at: Mapped[datetime]
    seats: Mapped[int]
    sha256: Mapped[str | None] = mapped_column(String(64))
    sent_at: Mapped[datetime | None]
    canvas_import_id: Mapped[int | None] = mapped_column(BigInteger)
    read_at: Mapped[datetime | None]
    over_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(SaidColumn)


class MassSeat(Base):
    """A seat in an open import, as it was when it was put in; deleted once nothing of the import is under way any more.

    Until then Canvas is asked for nothing else about this participant in this Canvas course. `status` is what the file
    says of the enrollment, in Canvas's words; one that is not active ends the row `canvas_enrollment_id`. `makes_user`:
    the file makes the participant a Canvas user first.
    """

    __tablename__ = "ascriptica_mass_seat"

    import_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_mass_import.id"), primary_key=True)
    seat_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    participant_id: Mapped[int] = mapped_column(index=True)
    version: Mapped[int]
    canvas_course_id: Mapped[int] = mapped_column(BigInteger)
    canvas_section_id: Mapped[int] = mapped_column(BigInteger)
    sis_user_id: Mapped[str]
    status: Mapped[str] = mapped_column(String(10), default="active", server_default="active")
    canvas_enrollment_id: Mapped[int | None] = mapped_column(BigInteger)
    makes_user: Mapped[bool] = mapped_column(default=False, server_default=false())
