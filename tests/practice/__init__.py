"""The practice Canvas itself: its cases are Canvas's, read in its source and documents."""
