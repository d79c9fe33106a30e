"""The administrator's pages, one module for each entry of the Tools menu."""

from . import activity, canvas, courses, imports, participants, roster, settings

__all__ = ["activity", "canvas", "courses", "imports", "participants", "roster", "settings"]
