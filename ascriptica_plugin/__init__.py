"""Ascriptica for Canvas LMS: turns registrations into enrollments automatically."""

__version__ = "1.0.0rc1"

from .extension import Ascriptica
from .office.people import Person

__all__ = ["Ascriptica", "Person", "__version__"]
