"""The office's rules: people, courses, registrations, answers to questions, and erasing.

Uses the tables and the ledger; no Flask, no Canvas client, no RQ. Never commits, except for imports, which commit each
batch.
"""
