"""The fault suite: the real processes at work, broken in every way that we know, and what is left of it in Canvas.

`python -m tests.faults --help` is the long run; tests/test_faults.py is the quick one. docs/faults.md tells of both.
"""
