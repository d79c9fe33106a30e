"""All forms. A field's error is a sentence that says what to do.

They read what was typed and use no session of the database. Rules about people and courses are in `office`.
"""
