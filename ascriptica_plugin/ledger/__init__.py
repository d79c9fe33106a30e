"""The ledger: which registrations claim which seats, which seats are due, and what came of them.

Knows the tables; no Flask, no Canvas client, no RQ. Never commits: the caller does. Every time is an argument.
"""
