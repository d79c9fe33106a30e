"""What administrators see, a file for each page."""
