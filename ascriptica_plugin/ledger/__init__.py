"""The ledger: which registrations claim which seats, what is due, and what came of it.

Knows the tables; no Flask, no Canvas client, no RQ. Never commits: whoever opened the unit of work does. Every time is
an argument.
"""
