"""Imports of courses, participants and registrations: `file` reads CSV, a `kind` decides on rows, `run` runs them."""
