"""The fault suite: the real processes at work, broken in every way that we know, and what Canvas has in the end.

`python -m tests.faults --help` is the long run, `python -m tests.faults.quick --help` many short ones, of which
tests/faults/test_faults.py is one. docs/faults.md describes both.
"""
