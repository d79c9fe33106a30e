"""CSV files of courses, participants and registrations: `file` reads, a `kind` decides on rows, `run` goes through."""
