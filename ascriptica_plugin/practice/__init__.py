"""The practice Canvas: a stand-in server that answers like Canvas LMS, for trying the product and for tests.

It is not Canvas, has no real people's data, and knows nothing of the rest of this package.
Facts about Canvas name the file of Canvas's source that they come from.
"""

from .server import create_practice_canvas, serve

__all__ = ["create_practice_canvas", "serve"]
