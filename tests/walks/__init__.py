"""Walks across rooms: any order of steps, any text in any form, every page, and the token's whole way."""
