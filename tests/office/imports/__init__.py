"""Imports: files, their rows and a run, by the command."""
