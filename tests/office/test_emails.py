"""Emails: what one may be, and which are the same."""

import pytest

from ascriptica_plugin.office import emails


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann@BÜCHER.example", "Ann@xn--bcher-kva.example"),
        ("Ann@xn--bcher-kva.example", "Ann@xn--bcher-kva.example"),
        ("u\u0308@Example.org", "\u00fc@example.org"),
        (" \u202aAnn@example.org\u202c ", "Ann@example.org"),
        ("\ufb01nn@example.org", "finn@example.org"),
    ],
)
def test_an_email_is_stored_in_the_form_that_mails_are_sent_to(typed, kept):
    assert emails.read_email(typed) == kept
    assert emails.read_email(kept) == kept
    assert emails.as_compared(typed) == emails.as_compared(kept) == kept.lower()


def test_an_address_that_is_too_long_only_in_ascii_is_refused():
    email = f"ann@{'ü' * 20}.{'ü' * 20}.{'ü' * 20}.example"
    assert len(email) < emails.LONGEST_EMAIL
    read = emails.read_email(f"ann@{'ü' * 20}.example")
    assert read.startswith("ann@xn--")
    with pytest.raises(ValueError, match="Use a shorter address"):
        emails.read_email(f"{'k' * 40}@{'ü' * 20}.{'ü' * 20}.{'ö' * 20}.{'ä' * 10}.ex")


@pytest.mark.parametrize(
    ("one", "other"),
    [("ann@example.org", "ann\u1160@example.org"), ("ann@example.org", "an\U000e0101n@example.org")],
)
def test_invisible_characters_make_no_other_email(one, other):
    assert emails.read_email(other) == one
