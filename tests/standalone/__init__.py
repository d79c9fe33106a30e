"""What only the stand-alone site has: its front, its accounts, and everything on one machine."""
