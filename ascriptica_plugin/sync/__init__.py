"""Makes Canvas agree with the ledger: the drain, the calls for one seat, look-ups, connecting.

Knows the Canvas client, the ledger and the office's rules; no Flask, no RQ.
"""
