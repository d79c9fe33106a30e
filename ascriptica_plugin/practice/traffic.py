"""What every API request to the practice Canvas goes through: call log, throttle, latency, faults. Plain WSGI."""

import hmac
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict
from werkzeug.http import http_date
from werkzeug.wrappers import Response

from .calls import presented_token, query_pairs
from .faults import LATE_SECONDS, Faults, perform, reset, throttled
from .world import World

API = "/api/v1"
OAUTH = "/login/oauth2/token"
COST_OF_OAUTH = 200
UP_FRONT_COST = 50
BUCKET_MAXIMUM = 800
OUTFLOW_PER_SECOND = 10


@dataclass
class Throttle:
    """Whether requests are refused, from which level of the bucket on, and with which status."""

    enabled: bool = False
    hwm: float = 600
    status: int = 403

    def __post_init__(self) -> None:
        if self.status not in (403, 429):
            raise ValueError("throttle.status is 403 or 429")


@dataclass
class Options:
    """How this Canvas behaves at the moment; a seed resets it."""

    latency_seconds: float = 0
    denied_status: int = 403
    down: bool = False
    throttle: Throttle = field(default_factory=Throttle)


@dataclass
class Bucket:
    """The leaky bucket of one token (request_throttle.rb, increment_bucket.lua)."""

    count: float = 0
    touched: float = field(default_factory=time.monotonic)

    def pour(self, cost: float) -> float:
        """Add a cost, and return how full the bucket is. It has leaked since the last call."""
        now = time.monotonic()
        leaked = self.count - OUTFLOW_PER_SECOND * (now - self.touched)
        self.count, self.touched = min(max(leaked, 0) + cost, BUCKET_MAXIMUM), now
        self.count = max(self.count, 0)
        return self.count


class CallLog:
    """The last calls, with times of our own clock and without tokens, and counts of all calls since the last reset."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.in_flight = 0
        self.clear()

    def clear(self) -> None:
        """Delete the calls and counts; calls that are still in flight keep counting as such."""
        with self._lock:
            self.last: deque[dict[str, Any]] = deque(maxlen=500)
            self.total = self.throttled = self.max_in_flight = 0

    def begin(self, method: str, path: str, query: str) -> dict[str, Any]:
        """Note a request that has arrived, without a token in its address. Returns its entry, to be completed."""
        kept = MultiDict(query_pairs(query))
        kept.poplist("access_token")
        with self._lock:
            self.in_flight += 1
            self.total += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            call = {
                "at": datetime.now(UTC).isoformat(),
                "method": method,
                "path": path,
                "query": urlencode(list(kept.items(multi=True))),
                "status": None,
                "in_flight": self.in_flight,
            }
            self.last.append(call)
        return call

    def end(self) -> None:
        """Note that a request was answered."""
        with self._lock:
            self.in_flight -= 1

    def refused(self) -> None:
        """Note that a request was throttled."""
        with self._lock:
            self.throttled += 1

    def listed(self) -> dict[str, Any]:
        """The last calls, and the counts of all, ready for JSON."""
        with self._lock:
            return {
                "calls": [dict(call) for call in self.last],
                "total": self.total,
                "max_in_flight": self.max_in_flight,
                "throttled": self.throttled,
            }


class Traffic:
    """WSGI middleware around the whole app; only requests under /api/v1, and for tokens, are touched.

    A request with the admin's token and the header `Practice-Hand` stands for what a person does in Canvas: it is not
    counted, meets no fault, and may do everything, whatever the token's state and permissions are at the moment.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], world: World) -> None:
        self.app, self.world = app, world
        self.faults = Faults()
        self._bucket_lock = threading.Lock()
        self.settle()

    def settle(self) -> None:
        """Reset everything: no faults, default options, empty buckets, a new log without the calls still in flight."""
        self.faults.clear()
        self.calls = CallLog()
        self.options = Options()
        self._buckets: dict[str | None, Bucket] = defaultdict(Bucket)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("REQUEST_URI", environ["PATH_INFO"]).partition("?")[0]
        if not path.startswith(f"{API}/") and path != OAUTH:
            return self.app(environ, start_response)
        # Routes see the path as it was sent, so that an id may contain an encoded slash; their converter decodes it.
        environ["practice.path"] = path
        environ["PATH_INFO"] = path.removesuffix(".json")
        token = (presented_token(environ) or "").encode()
        if "HTTP_PRACTICE_HAND" in environ and hmac.compare_digest(token, self.world.admin_token.encode()):
            environ["practice.hand"] = True
            return self._carried_out(environ)(environ, start_response)
        path, method = path.removeprefix(API), environ["REQUEST_METHOD"]
        calls = self.calls
        entry = calls.begin(method, path, environ.get("QUERY_STRING", ""))
        try:
            if self.options.down:
                reset(environ)
            response = self._throttled(environ, method, path)
            entry["status"] = response.status_code
        finally:
            calls.end()
        response.headers["Date"] = http_date(self.world.clock())
        return response(environ, start_response)

    def _throttled(self, environ: dict[str, Any], method: str, path: str) -> Response:
        token, throttle = presented_token(environ), self.options.throttle
        with self._bucket_lock:
            bucket = self._buckets[token if token in self.world.tokens else None]
            full = bucket.pour(UP_FRONT_COST) >= throttle.hwm and throttle.enabled
            if full:
                remaining = throttle.hwm - bucket.pour(-UP_FRONT_COST)
        if full:
            self.calls.refused()
            response = throttled(throttle.status)
        else:
            try:
                response = self._answered(environ, method, path)
            finally:
                # The whole latency of a request counts as its cost: the most that Canvas could charge.
                more = COST_OF_OAUTH if path == OAUTH else 0
                with self._bucket_lock:
                    remaining = throttle.hwm - bucket.pour(self.options.latency_seconds + more - UP_FRONT_COST)
        response.headers["X-Rate-Limit-Remaining"] = str(round(remaining, 3))
        return response

    def _answered(self, environ: dict[str, Any], method: str, path: str) -> Response:
        form = environ["wsgi.input"]
        sent = f"{environ.get('QUERY_STRING', '')}&{form.getvalue().decode('latin-1')}"
        fault = self.faults.take(method, path, sent)
        if self.options.latency_seconds:
            time.sleep(self.options.latency_seconds)
        if fault and fault.when == "before":
            return perform(fault, environ)
        if fault and fault.when == "late":
            try:
                return perform(fault, environ)
            finally:
                time.sleep(LATE_SECONDS)
                self._carried_out(environ)
        response = self._carried_out(environ)
        return perform(fault, environ) if fault else response

    def _carried_out(self, environ: dict[str, Any]) -> Response:
        response = Response.from_app(self.app, environ, buffered=True)
        response.headers["X-Request-Cost"] = str(self.options.latency_seconds)
        self.world.keep()
        return response
