"""The administrators' pages: a module for each entry of the Tools menu, and for what several of them share."""

from . import activity, canvas, courses, imports, participants, roster, settings, trying_again

__all__ = ["activity", "canvas", "courses", "imports", "participants", "roster", "settings", "trying_again"]
