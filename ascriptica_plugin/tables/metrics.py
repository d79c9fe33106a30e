"""The table of what processes have counted, for `/metrics` and `flask ascriptica worker-health`."""

from sqlalchemy import Double, String
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base


class Measure(Base):
    """One number that all processes share. `name` and `labels` are as `/metrics` shows them; `labels` are separated by
    line breaks. A counter only grows; a gauge is the last value that a process stored. What each worker has of its own
    is labelled with the worker's name, which `/metrics` does not show."""

    __tablename__ = "ascriptica_measure"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    labels: Mapped[str] = mapped_column(String(150), primary_key=True)
    value: Mapped[float] = mapped_column(Double)
