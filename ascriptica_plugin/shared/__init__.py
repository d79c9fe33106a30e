"""What every package shares: clock, settings, pauses and tries, codes with their sentences, the language, process log.

Uses none of our other packages.
"""
