"""The tables, and the order in which their rows are locked. Uses only SQLAlchemy; the host owns engine and sessions."""

from . import canvas, imports, ledger, mails, metrics, office, page_calls, previews, requests, results, sis_imports

__all__ = [
    "canvas",
    "imports",
    "ledger",
    "mails",
    "metrics",
    "office",
    "page_calls",
    "previews",
    "requests",
    "results",
    "sis_imports",
]
