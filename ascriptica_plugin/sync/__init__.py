"""Making Canvas agree with the ledger: the drain, what one seat needs of Canvas, look-ups, connecting.

Knows the Canvas client, the ledger and the office's rules; no Flask, no RQ.
"""
