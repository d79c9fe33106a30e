"""Tests stand in the folder of what they test. What several folders need has a file here, named after what it holds.

`pytest -m fast` leaves out all that needs an app or a process. `-m "not slow"` has more.
"""
