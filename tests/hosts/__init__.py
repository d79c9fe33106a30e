"""Ascriptica in apps of others: what was true of them before is true of them after, and what they give is used."""
