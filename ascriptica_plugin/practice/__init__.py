"""The practice Canvas: a stand-in server that answers as Canvas LMS does, for trying the product and for tests.

It is never Canvas, keeps nobody's real data, and knows nothing of the rest of this package.
Its facts about Canvas name the file of Canvas's source that they come from.
"""

from .server import create_practice_canvas, serve

__all__ = ["create_practice_canvas", "serve"]
