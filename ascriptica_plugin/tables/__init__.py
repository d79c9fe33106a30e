"""The tables, and the order in which their rows are locked. Knows SQLAlchemy only: a host owns engine and sessions."""

from . import canvas, office

__all__ = ["canvas", "office"]
