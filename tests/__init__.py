"""Tests stand in the room of what they test. Whatever several rooms need has a file here, named after what it holds.

`pytest -m fast` ends within half a minute; walks, real processes and PostgreSQL are what it leaves out.
"""
