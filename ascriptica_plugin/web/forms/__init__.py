"""All forms. A field's error is a sentence that says what to do.

They read what was typed, and don't use the database session. Rules about people and courses are in `office`.
"""
