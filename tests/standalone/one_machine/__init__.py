"""`python wsgi.py`: everything at once, as real processes."""
