"""Claims, what is due, the lease and settling: the ledger's rules on both kinds of database.

Where Canvas has a part in it, it is the practice Canvas over a socket.
"""
