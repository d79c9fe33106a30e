"""Times as people and spreadsheets write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ascriptica_plugin.office.imports import times
from ascriptica_plugin.office.places import NotPossible

BERLIN = ZoneInfo("Europe/Berlin")


def read(typed: str, name: str = "starts_at") -> str:
    """The time in Berlin."""
    return f"{times.read(name, typed, BERLIN).astimezone(BERLIN):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2027-04-25 18:00", "2027-04-25 18:00:00"),
        ("2027-04-25 18:00:30", "2027-04-25 18:00:30"),
        ("2027-04-25T18:00", "2027-04-25 18:00:00"),
        ("2027-04-25T18:00Z", "2027-04-25 20:00:00"),
        ("2027-04-25 18:00+02:00", "2027-04-25 18:00:00"),
        ("2027-4-5 6:00 PM", "2027-04-05 18:00:00"),
        ("2027-04-05, 18:00", "2027-04-05 18:00:00"),
        ("25.04.2027", "2027-04-25 00:00:00"),
        ("1.5.2027", "2027-05-01 00:00:00"),
        ("1.5.2027 9:30", "2027-05-01 09:30:00"),
        ("01.05.2027 18:00:00", "2027-05-01 18:00:00"),
        ("4/25/2027", "2027-04-25 00:00:00"),
        ("25/4/2027", "2027-04-25 00:00:00"),
        ("04/25/2027 6:00 PM", "2027-04-25 18:00:00"),
        ("04/25/2027 6:00:15 am", "2027-04-25 06:00:15"),
        ("25/04/2027, 18:00", "2027-04-25 18:00:00"),
        ("04/25/2027 12:00 AM", "2027-04-25 00:00:00"),
        ("04/25/2027 12:30 p.m.", "2027-04-25 12:30:00"),
        ("04/25/2027 6:00\u202fPM", "2027-04-25 18:00:00"),
        ("04/04/2027", "2027-04-04 00:00:00"),
    ],
)
def test_a_time_is_read_as_it_is_meant(typed, meant):
    assert read(typed) == meant


@pytest.mark.parametrize("name", ["ends_at", "registration_closes_at"])
@pytest.mark.parametrize("typed", ["2027-04-26", "20270426", "26.4.2027", "4/26/2027", "26/04/2027"])
def test_a_last_day_without_a_time_lasts_until_its_end(typed, name):
    assert read(typed, name) == "2027-04-26 23:59:00"


@pytest.mark.parametrize("name", ["ends_at", "registration_closes_at"])
@pytest.mark.parametrize("typed", ["2027-04-26 00:00", "26.4.2027 0:00", "4/26/2027 12:00 AM", "2027-04-26T00:00"])
def test_a_last_day_with_a_time_ends_then_even_at_midnight(typed, name):
    assert read(typed, name) == "2027-04-26 00:00:00"


def test_the_end_of_a_day_is_that_of_the_office_s_time_zone():
    assert times.read("ends_at", "2027-04-26", BERLIN) == datetime(2027, 4, 26, 21, 59, tzinfo=UTC)
    assert times.read("ends_at", "2027-01-26", BERLIN) == datetime(2027, 1, 26, 22, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "readings"),
    [
        ("04/05/2027 6:00 PM", "2027-04-05 18:00 or as 2027-05-04 18:00"),
        ("04/05/2027", "2027-04-05 or as 2027-05-04"),
        ("5/4/2027", "2027-04-05 or as 2027-05-04"),
    ],
)
def test_a_date_that_can_be_read_in_two_ways_is_refused_with_both(typed, readings):
    with pytest.raises(NotPossible) as refused:
        read(typed, "ends_at")
    assert str(refused.value) == f"{typed} can be read as {readings}. Write the one that you mean (ends_at)."


@pytest.mark.parametrize(
    "typed",
    [
        *("soon", "2027", "18:00", "31.2.2027", "1.13.2027", "13/13/2027", "2/30/2027", "1.5.27", "1/25/27"),
        *("1.5.2027 25:00", "4/25/2027 13:00 PM", "4/25/2027 0:30 AM", "1.5.2027 soon", "0001-01-01", "1.5/2027"),
    ],
)
def test_anything_else_is_refused(typed):
    with pytest.raises(NotPossible, match=r"Write the first day like 2027-03-01 18:00 \(starts_at\)\."):
        read(typed)
