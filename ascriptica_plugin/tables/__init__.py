"""The tables, and the order in which their rows are locked. Uses only SQLAlchemy; the host owns engine and sessions."""

from . import asking, canvas, imports, ledger, mails, mass, measures, office, requests, results

__all__ = ["asking", "canvas", "imports", "ledger", "mails", "mass", "measures", "office", "requests", "results"]
