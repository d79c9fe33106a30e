"""The alert rules of docs/operator.md against a real /metrics: each of them fires when its condition is true.

How long it has to be true (`for:`) is not looked at.
"""

import math
import operator
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from ascriptica_plugin.ledger import metrics
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.mails import Mail

from .test_metrics import samples_of

OPERATOR = Path(__file__).parents[2] / "docs" / "operator.md"
METRICS = OPERATOR.read_text().partition("### Metrics")[2]
RULES = dict(re.findall(r"- alert: (\w+)\n +expr: (.+)\n", METRICS))
SITE_DOWN = RULES.pop("SiteDown")
"""`up` is Prometheus's own: whether it could read the page."""

SECONDS = 300
"""The seconds between two scrapes, as far as `rate` is concerned."""

Scrape = dict[tuple[str, frozenset], float]


@pytest.fixture
def scrape(office):
    return lambda: {(one.name, frozenset(one.labels.items())): one.value for one in samples_of(office)}


def value(term: str, before: Scrape, after: Scrape) -> list[float]:
    """What one side of a comparison is, for each of its series: a metric, its rate, sums of these divided, a product of
    numbers, or a metric less another value such as the time."""
    term = term.strip()
    if " - " in term:
        upper, lower = term.split(" - ")
        [less] = value(lower, before, after)
        return [one - less for one in value(upper, before, after)]
    if " * " in term:
        return [math.prod(float(part) for part in term.split(" * "))]
    if term == "time()":
        return [clock.utc_now().timestamp()]
    if re.fullmatch(r"-?[\d.]+", term):
        return [float(term)]
    if " / " in term:
        upper, lower = (sum(value(part, before, after)) for part in term.split(" / "))
        return [upper / lower] if lower else []
    if found := re.fullmatch(r"sum\((.+)\)", term):
        return [sum(value(found[1], before, after))]
    if found := re.fullmatch(r"rate\((.+)\[\w+\]\)", term):
        older = dict(zip(names(found[1], after), series(found[1], after), strict=True))
        return [(now - before.get(name, 0.0)) / SECONDS for name, now in older.items()]
    return series(term, after)


def names(selector: str, scraped: Scrape) -> list[tuple[str, frozenset]]:
    """The series that a selector such as `name{label=~"a|b"}` means."""
    name, wanted = re.fullmatch(r"(\w+)(?:\{(.+)\})?", selector.strip()).groups()
    assert any(name == known for known, _ in scraped) or f"`{name}" in METRICS, f"{name} is no metric of ours"
    conditions = re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', wanted or "")
    fits = {"=": operator.eq, "!=": operator.ne, "=~": lambda a, b: bool(re.fullmatch(b, a))}
    fits["!~"] = lambda a, b: not re.fullmatch(b, a)
    return [
        (known, labels)
        for known, labels in scraped
        if known == name and all(fits[how](dict(labels).get(label, ""), this) for label, how, this in conditions)
    ]


def series(selector: str, scraped: Scrape) -> list[float]:
    return [scraped[name] for name in names(selector, scraped)]


def ringing(before: Scrape, after: Scrape) -> set[str]:
    """The alerts whose condition is true for any series."""
    compare = {">": operator.gt, "<": operator.lt, "==": operator.eq}
    found = set()
    for alert, rule in RULES.items():
        for part in rule.split(" or "):
            left, how, right = re.fullmatch(r"(.+) (>|<|==) (.+)", part).groups()
            [limit] = value(right, before, after)
            if any(compare[how](one, limit) for one in value(left, before, after)):
                found.add(alert)
    return found


def no_worker(office, canvas):
    """None has ever run."""


def canvas_is_away(office, canvas):
    canvas.options(down=True)
    office.register(office.course("ART", "art"))
    office.deliver()


def the_token_is_dead(office, canvas):
    canvas.options(token="revoked")
    office.register(office.course("ART", "art"))
    office.deliver()


def nobody_delivers(office, canvas):
    office.register(office.course("ART", "art"))
    office.session.execute(update(Seat).values(changed_at=office.now - timedelta(minutes=6)))
    office.session.commit()


def canvas_fails_now_and_then(office, canvas):
    canvas.faults({"match": "POST /courses/", "times": 4, "when": "before", "fault": "status", "status": 503})
    art = office.course("ART", "art")
    for number in range(4):
        office.register(art, f"p{number}", sis_user_id=f"S-{number}")
    office.deliver()


def canvas_throttles(office, canvas):
    office.canvases.tally.count(metrics.CALLS, 40, "GET users/:id", "Throttled")


def canvas_is_switched_off(office, canvas):
    load_settings(office.session).display_canvas = False
    office.session.commit()


def the_token_ends_soon(office, canvas):
    the_token_ends_in(office, timedelta(days=13, hours=23))


def the_token_ends_in(office, time: timedelta) -> None:
    load_settings(office.session).connection.token_expires_at = clock.utc_now() + time
    office.session.commit()


def mails_wait(office, canvas):
    mail = {"kind": "canvas", "email": "boss@example.org", "made_at": office.now, "try_at": office.now, "tries": 0}
    office.session.execute(insert(Mail), [mail] * 21)
    office.session.commit()


LIFE = {
    "NoWorker": no_worker,
    "CanvasOnHold": canvas_is_away,
    "CanvasKeyRefused": the_token_is_dead,
    "CanvasNotConnected": canvas_is_switched_off,
    "CanvasTokenEnds": the_token_ends_soon,
    "RegistrationsLate": nobody_delivers,
    "CanvasFails": canvas_fails_now_and_then,
    "CanvasThrottles": canvas_throttles,
    "MailsWait": mails_wait,
}


def test_the_docs_name_every_metric(scrape):
    table = "\n".join(line for line in METRICS.partition("groups:")[0].splitlines() if line.startswith("| `"))
    mentioned = set(re.findall(r"ascriptica_\w+", table))
    served = {re.sub("_(bucket|sum|count)$", "", name) for name, _ in scrape()}
    # No seat waits, Canvas is not on hold, and the token has no end.
    missing = {
        "ascriptica_seats_waiting",
        "ascriptica_connection_hold",
        "ascriptica_token_expires_timestamp_seconds",
    }
    assert mentioned - missing == served - {"ascriptica_canvas_calls_created"}


def test_every_alert_comes_about_in_a_test():
    assert RULES.keys() == LIFE.keys()


def test_the_alert_for_a_site_that_does_not_answer_names_the_job_in_prometheus():
    [job] = re.findall(r"job_name: (\w+)", METRICS)
    assert f'up{{job="{job}"}} == 0' == SITE_DOWN


@pytest.mark.parametrize("alert", LIFE)
def test_each_alert_fires_when_its_condition_holds_and_not_before(office, canvas, scrape, alert):
    office.register(office.course("WELL", "bio"))
    office.deliver()
    if alert != "NoWorker":
        metrics.put(office.session, {(metrics.WORKER_SEEN,): office.now.timestamp()})
        office.session.commit()
        assert ringing(scrape(), scrape()) == set()
    before = scrape()
    LIFE[alert](office, canvas)
    assert alert in ringing(before, scrape())


@pytest.mark.parametrize("life", [canvas_is_away, the_token_is_dead])
def test_whatever_canvas_is_on_hold_for_it_counts_as_not_connected(office, canvas, scrape, life):
    life(office, canvas)
    assert "CanvasNotConnected" in ringing(scrape(), scrape())


def test_a_token_that_ends_in_more_than_two_weeks_rings_nothing_and_one_that_has_ended_does(office, scrape):
    the_token_ends_in(office, timedelta(days=14, hours=1))
    assert "CanvasTokenEnds" not in ringing(scrape(), scrape())
    the_token_ends_in(office, timedelta(days=-1))
    assert "CanvasTokenEnds" in ringing(scrape(), scrape())
