"""Making the practice Canvas agree with the ledger: the drain, walks, users, look-ups, connecting."""
