"""What every package shares: clock, settings, pauses and tries, codes with their sentences, process log.

Knows nothing of ours.
"""
