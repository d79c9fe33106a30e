"""How a pasted list is split into people."""

import pytest

from ascriptica_plugin.office.pasted_list import lines_of, read_people


@pytest.mark.parametrize(
    ("typed", "email", "name"),
    [
        ("kim@example.org", "kim@example.org", ""),
        ("kim@example.org, Kim Lee", "kim@example.org", "Kim Lee"),
        ("Kim Lee;kim@example.org", "kim@example.org", "Kim Lee"),
        ("kim@example.org\tKim Lee", "kim@example.org", "Kim Lee"),
        ("Kim Lee <kim@example.org>", "kim@example.org", "Kim Lee"),
        ('"Lee, Kim" <kim@example.org>,', "kim@example.org", "Lee, Kim"),
        ('kim@example.org,"Lee, Kim"', "kim@example.org", "Lee, Kim"),
    ],
)
def test_a_line_is_read(typed, email, name):
    for text, number in ((typed, 1), (f"E-Mail,Name\r\n\r\n{typed}\r\n", 3)):
        [line] = read_people(lines_of(text))
        assert (line.number, line.email, line.name, line.problem) == (number, email, name, None)


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("Kim Lee", "Enter an email address."),
        ("Kim <kim>", "That is not an email address."),
        ("kim@example.org, Lee, Kim", "More than an email and a name."),
        ("kim@example.org lou@example.org", "That is not an email address."),
        ("kim@example.org, lou@example.org", "More than one email."),
        ("x" * 200_000, "Too long for one person."),
        ("kim@example.org," + "x" * 256, "Keep the name to 255"),
        ("kim@example.org,a\x00b", "Take the line breaks and control"),
        ("kim@example.org,a\x9bb", "Take the line breaks and control"),
        ("kim@example.org,a\u202eb", "Take the line breaks and control"),
        ('"kim@example.org', ""),
    ],
)
def test_a_line_that_can_t_be_read_says_why(typed, problem):
    [line] = read_people(lines_of(typed))
    assert (line.problem or "").startswith(problem)
