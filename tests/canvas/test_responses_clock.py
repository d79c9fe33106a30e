"""What an answer says about Canvas's clock."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import (
    NotFound,
)

from ..practice_canvas import Practice
from ..servers import Connect, Raw, reply


@pytest.mark.parametrize("ahead", [-3600, 0, 86400])
def test_canvas_s_time_is_taken_from_its_latest_answer(client: CanvasClient, canvas: Practice, ahead: int) -> None:
    assert client.time() is None
    canvas.options(clock_offset_seconds=ahead)
    client.myself()
    assert abs(seconds_ahead(client) - ahead) < 2
    canvas.options(clock_offset_seconds=ahead + 600)
    with pytest.raises(NotFound):
        client.user(10**12)
    assert abs(seconds_ahead(client) - ahead - 600) < 2


def seconds_ahead(client: CanvasClient) -> float:
    return (client.time() - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize(
    "date",
    [
        "",
        "soon",
        "Mon, 05 Jan 2026 10:00:00",
        "Mon, 05 Jan 2026 10:00:00 -0000",
        "Mon, 32 Jan 2026 10:00:00 GMT",
        "Mon, 05 Jan 99999 10:00:00 GMT",
        "Mon, 05 Jan 2026 10:00:00 +99999999999999999999",
    ],
)
def test_an_unreadable_date_leaves_canvas_s_time_as_it_was(raw: Raw, connect: Connect, date: str) -> None:
    good = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    dates = iter([good, date])
    client = connect(raw(lambda request: reply(Date=next(dates))).url)
    client.myself()
    before = seconds_ahead(client)
    client.myself()
    assert abs(seconds_ahead(client) - before) < 0.5


def test_a_slow_answer_does_not_set_the_clock_back(raw: Raw, connect: Connect) -> None:
    date = (datetime.now(UTC) + timedelta(minutes=5)).replace(microsecond=0)
    sent: list[datetime] = []

    def answer(request: bytes) -> Iterator[bytes]:
        whole = reply(Date=format_datetime(date, usegmt=True))
        sent.append(datetime.now(UTC))
        yield whole[:-5]
        time.sleep(0.5)
        yield whole[-5:]

    client = connect(raw(answer).url)
    client.myself()
    assert abs(seconds_ahead(client) - (date - sent[0]).total_seconds()) < 0.25


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -2359", "Fri, 31 Dec 9999 23:59:59 GMT", "yesterday"])
def test_an_impossible_date_is_not_kept_as_canvas_s_time(raw: Raw, connect: Connect, date: str) -> None:
    """Such a time could neither be stored nor relied on."""
    client = connect(raw(reply(Date=date)).url)
    client.myself()
    assert client.time() is None
