"""What only the stand-alone site has: sign-ins, HTTP set-up (`front`), and running everything on one machine.

The plugin imports nothing from here. What it needs from here is registered in `Plugin`.
"""

from .site import create_app

__all__ = ["create_app"]
