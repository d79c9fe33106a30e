"""The office's rules: people, courses, registrations, and what is answered and erased.

Knows the tables and the ledger; no Flask, no Canvas client, no RQ. Never commits, except for imports, which go in
batch by batch.
"""
