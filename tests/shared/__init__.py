"""What every package uses: the clock, settings, pauses, languages, stored sentences, the process log."""
