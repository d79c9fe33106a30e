"""What participants see, and what all pages have in common."""
