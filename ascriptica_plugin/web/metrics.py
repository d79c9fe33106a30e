"""/metrics: the state of registrations and of Canvas, for Prometheus. Everything comes from the database, so each web
process gives the same answer."""

import hmac
from collections.abc import Iterable, Iterator

from flask import Response, abort, current_app, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..ledger import due, seat_states, token_end
from ..ledger import metrics as counted
from ..shared import clock
from ..tables.canvas import Settings, load_settings
from ..tables.ledger import Seat
from ..tables.mails import Mail
from .base import blueprint, plugin, session
from .guards import for_everybody


@blueprint.get("/metrics")
@for_everybody
def metrics() -> ResponseReturnValue:
    """What Prometheus asks for, with the Bearer token of ASCRIPTICA_METRICS_TOKEN; 404 while that is not set."""
    token = current_app.config.get("ASCRIPTICA_METRICS_TOKEN")
    if not token:
        abort(404)
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_token = hmac.compare_digest(given.lstrip(" ").encode(), token.encode())
    if scheme.lower() != "bearer" or not is_token:
        return Response("Send the token of ASCRIPTICA_METRICS_TOKEN.\n", 401, {"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything(session()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


class _Everything(Collector):
    def __init__(self, session: Session):
        self.session = session

    def collect(self) -> Iterator[Metric]:
        now, settings = clock.utc_now(), load_settings(self.session)
        status = seat_states.status(self.session, settings, now, plugin().bell.heard_at())
        seen, holds = status["worker_seen_seconds"], [(status["hold"], 1)] if status["hold"] else []
        yield _gauge("oldest_due_seconds", "How long the oldest due seat waits; 0: none.", status["oldest_due_seconds"])
        yield _gauge("worker_seen_seconds", "When a worker was seen; -1: never.", -1 if seen is None else seen)
        yield _gauge("questions", "Seats that wait for an administrator's answer.", status["questions"])
        yield _gauge("changed_in_canvas", "Seats that somebody changed by hand in Canvas.", status["changed_in_canvas"])
        yield _gauge("connection_up", "1 while Canvas is connected and not on hold.", status["connection"] == "ok")
        yield _gauge("mails_waiting", "Mails that are not sent yet.", self._mails())
        if settings.connection is not None and (end := token_end.ends_at(settings.connection)):
            yield _gauge("token_expires_timestamp_seconds", "When the pasted token ends.", end.timestamp())
        yield _gauges("connection_hold", "1 while all calls wait for this cause.", "cause", holds)
        yield _gauges("seats", "Seats by state; the states add up to all seats.", "state", status["seats"].items())
        yield _gauges("seats_waiting", "Seats that are not settled, by cause.", "cause", self._waiting(settings))
        values = counted.load(self.session)
        under_way = counted.calls_in_flight(values, now)
        yield _gauge("canvas_calls_in_flight", "The calls of workers under way.", under_way)
        yield from _counted(values)

    def _waiting(self, settings: Settings) -> Iterable[tuple[str, float]]:
        waits = (Seat.connection_id == settings.connection_id, due.waits(), Seat.cause.is_not(None))
        found = self.session.execute(select(Seat.cause, func.count()).where(*waits).group_by(Seat.cause))
        return [(cause, count) for cause, count in found if cause]

    def _mails(self) -> int:
        return self.session.scalar(select(func.count()).select_from(Mail)) or 0


def _gauge(name: str, words: str, value: float | None) -> Metric:
    return GaugeMetricFamily(f"ascriptica_{name}", words, value=float(value or 0))


def _gauges(name: str, words: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    found = GaugeMetricFamily(f"ascriptica_{name}", words, labels=[label])
    for its, value in values:
        found.add_metric([its], value)
    return found


def _counted(values: dict[counted.Named, float]) -> Iterator[Metric]:
    """What processes have counted since the tables were made."""
    calls = CounterMetricFamily(
        "ascriptica_canvas_calls", "Calls to Canvas, by what was asked and what came of it.", labels=["call", "result"]
    )
    for (name, *labels), value in sorted(values.items()):
        if name == counted.CALLS:
            calls.add_metric(labels, value)
    yield calls
    yield HistogramMetricFamily(
        "ascriptica_canvas_call_seconds",
        "How long calls to Canvas took.",
        buckets=_buckets(values),
        sum_value=values.get((counted.CALL_SECONDS,), 0),
    )
    for name, words in ((counted.MAILS, "Mails sent."), (counted.REFRESHES, "Access tokens that were refreshed.")):
        yield CounterMetricFamily(f"ascriptica_{name}", words, value=values.get((name,), 0))


def _buckets(values: dict[counted.Named, float]) -> list[tuple[str, float]]:
    """Prometheus' buckets: each contains those before it."""
    total, found = 0.0, []
    for limit in (*(f"{limit:g}" for limit in counted.BUCKETS), "+Inf"):
        total += values.get((counted.CALL_TIMES, limit), 0)
        found.append((limit, total))
    return found
