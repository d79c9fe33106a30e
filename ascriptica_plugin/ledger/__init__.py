"""The ledger: which registrations claim which seats, what is due, what became of it, and who did what.

Knows the tables; no Flask, no Canvas client, no RQ. Never commits: the caller does. Every time is an argument.
"""
