"""The tables, and the order in which their rows are locked. Uses only SQLAlchemy; the host owns engine and sessions."""

from . import canvas, office

__all__ = ["canvas", "office"]
