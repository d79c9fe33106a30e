"""Canvas over HTTP: the client, its errors, the shapes of its answers, and what people paste of it.

Knows no Flask and no database, so it can be lifted out and tried against any server.
"""
