"""A walk through the product in a real Chromium."""
