"""CSV files of courses, participants and registrations: `file` reads, `rows` decides, `run` goes through."""
