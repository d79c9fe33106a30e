"""A client of the practice Canvas."""

import pytest

from ascriptica_plugin.canvas.client import CanvasClient

from ..practice_canvas import Practice
from ..servers import Connect


@pytest.fixture
def client(canvas: Practice, connect: Connect) -> CanvasClient:
    """A client of the practice Canvas, with the admin's token."""
    return connect(canvas.api, canvas.token)
