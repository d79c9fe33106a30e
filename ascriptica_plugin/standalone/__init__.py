"""What only the stand-alone site has: sign-ins, its front door, and everything on one machine.

A plugin in somebody's own app imports nothing from here; what it reaches of it is registered in `Plugin`.
"""
