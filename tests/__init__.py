"""Tests stand in the folder of what they test. What several folders need has a file here, named after what it holds.

`pytest -m fast` ends within half a minute; walks, real processes and PostgreSQL are what it leaves out.
"""
