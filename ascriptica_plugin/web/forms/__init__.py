"""All forms. A field's error is a sentence that says what to do. The office's rules are in `office`."""
