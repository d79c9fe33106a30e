"""The remedies that refusals of pasted addresses name, and how a test reads a refusal."""

import pytest

SCHOOL = "https://school.instructure.com/api/v1"
LONG_LABEL = "a" * 64

#: The remedies that a refusal may name.
BEGIN_WITH_HTTPS = "must begin with https://"
PLAIN_HTTP = "with https://"
NO_PASSWORD = "Remove the user name and password from"
COPY_AGAIN = "Copy it again"
ON_THE_INTERNET = "the address that Canvas has on the internet"
LOOKS_LIKE = "looks like https://school.instructure.com"


def refusal(read, *values: object) -> str:
    """The sentence that the reader refuses with; anything but a ValueError is a failure."""
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$") as caught:
        read(*values)
    assert type(caught.value) is ValueError
    return str(caught.value)
