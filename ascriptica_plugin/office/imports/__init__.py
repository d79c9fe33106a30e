"""Imports of courses, participants and registrations: `file` reads CSV, a `kind` decides on rows, `run` runs them.

They know no pages and no commands; `uploads` keeps a file until the worker takes it.
"""
