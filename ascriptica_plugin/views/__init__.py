"""The pages, one module a family; importing them puts their views on the blueprint."""

from . import canvas_access, courses, errors, health, imports, log, participants, registration, roster, settings
from .base import blueprint, init_app

errors.register(blueprint)

__all__ = [
    "canvas_access",
    "courses",
    "errors",
    "health",
    "imports",
    "init_app",
    "log",
    "participants",
    "registration",
    "roster",
    "settings",
]
