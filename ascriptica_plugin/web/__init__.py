"""The pages: Flask views on one blueprint. Knows the rules below it, not RQ, Redis or requests.

Importing the modules puts their views on the blueprint; `tools` is what administrators see.
"""

from . import errors, health, registering, tools
from .base import blueprint, init_app

errors.register(blueprint)

__all__ = ["health", "init_app", "registering", "tools"]
