"""The Canvas client and its transport, against servers that answer byte for byte, and against the practice Canvas."""
