"""The tables, the order in which their rows are locked, and the keys that seal secrets.

Uses only SQLAlchemy; the host owns engine and sessions. Knows no rules.
"""

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
