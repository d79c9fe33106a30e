"""The pages of sign-ins, on a blueprint of their own.

The rules are in the modules one level up, which know no Flask.
"""
