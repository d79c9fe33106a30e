"""The pages: Flask views on one blueprint. They use the packages below, but not RQ, Redis or requests.

Importing the modules adds their views to the blueprint. `tools` has the administrators' pages.
"""

from . import address_values, errors, health, look, metrics, refusals, registering, renewing, times, tools
from .base import init_app

__all__ = [
    "address_values",
    "errors",
    "health",
    "init_app",
    "look",
    "metrics",
    "refusals",
    "registering",
    "renewing",
    "times",
    "tools",
]
