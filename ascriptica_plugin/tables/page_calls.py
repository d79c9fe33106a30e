"""The table of the places from which pages call Canvas."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base


class PageCall(Base):
    """One of the places from which pages call Canvas; taken until it is given back, or until `until_at`.

    `holder` is random, so that a page that took too long can't give back a place that another page has taken since.
    """

    __tablename__ = "ascriptica_page_call"
    __table_args__ = (CheckConstraint("number BETWEEN 1 AND 2", name="number_known"),)

    connection_id: Mapped[int] = mapped_column(ForeignKey("ascriptica_connection.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[int] = mapped_column(BigInteger)
    until_at: Mapped[datetime]
