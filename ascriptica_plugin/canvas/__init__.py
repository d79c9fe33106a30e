"""Canvas over HTTP: the client, its errors, the shapes of its answers, and the addresses and IDs that people paste.

Knows no Flask and no database, so it can be used alone, against any server.
"""
