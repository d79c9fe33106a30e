"""Makes Canvas agree with the ledger: the drain, the calls for one seat, look-ups, connecting.

Knows the Canvas client and the ledger; not the office's rules, no Flask, no RQ.
"""
