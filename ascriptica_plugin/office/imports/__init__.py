"""Imports of courses, participants and registrations: `file` reads CSV, a `kind` decides on rows, `run` runs an import.

They know nothing of pages and commands; `uploads` keeps a file until the worker takes it.
"""
