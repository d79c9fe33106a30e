"""Walks across packages, each with the whole product: any order of steps, any text in any form, every page and list.

Also each cause from its beginning to its end, and the token's whole way.
"""
