"""The office's rules: people, courses, places, registrations, answers and privacy.

`at_once` has them act all at the same moment.
"""
