"""All forms. A field's error is a sentence that says what to do.

They read what was typed and know no session; rules about people and courses are in `office`.
"""
