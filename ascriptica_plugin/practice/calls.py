"""One API call as the routes see it: the caller, the parameters, and the paging of the answer."""

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode

from flask import Request
from werkzeug.exceptions import BadRequest

from .records import Token
from .rules import NotFound, Refused
from .world import SortKey, World

Row = TypeVar("Row")

FILES = ("text/csv", "text/plain", "application/zip", "application/octet-stream")
"""The content types of a body that is a file (sis_imports_api_controller.rb)."""


class Params(dict[str, list[str]]):
    """Query and body together, as in Rails: `a[b]` is a key in a group, `a[]` an item in a list."""

    def one(self, name: str) -> str | None:
        """The last value of the parameter, as Rails takes it."""
        return self[name][-1] if name in self else None

    def many(self, name: str) -> list[str]:
        """All values of the parameter, with brackets behind its name or without."""
        return self.get(f"{name}[]") or self.get(name) or []

    def group(self, name: str) -> dict[str, str]:
        """The values in `name[..]`, one level deep."""
        start = f"{name}["
        return {
            key[len(start) : -1]: values[-1]
            for key, values in self.items()
            if key.startswith(start) and key != f"{name}[]"
        }


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Names and values of a query string, blank ones too."""
    return parse_qsl(query, keep_blank_values=True)


def read_params(request: Request) -> Params:
    """All parameters of a request; a body without a Content-Type is read as a form."""
    pairs = query_pairs(request.query_string.decode())
    if request.mimetype == "application/json":
        if request.get_data():
            try:
                pairs += _flat(request.get_json())
            except BadRequest:
                raise Refused({"errors": [{"message": "Invalid JSON"}]}) from None
    elif request.mimetype == "multipart/form-data":
        pairs += request.form.items(multi=True)
    elif request.mimetype in FILES:
        """The body is a file."""
    else:
        pairs += query_pairs(request.get_data(as_text=True))
    params = Params()
    for name, value in pairs:
        params.setdefault(name, []).append(value)
    return params


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """JSON as the equivalent form fields."""
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in _flat(item, f"{name}[{key}]" if name else key)]
    if isinstance(value, list):
        return [pair for item in value for pair in _flat(item, f"{name}[]")]
    if value is None or not name:
        return []
    return [(name, json.dumps(value) if isinstance(value, bool) else str(value))]


def presented_token(environ: dict[str, Any]) -> str | None:
    """The token in the header or the query (lib/authentication_methods.rb). One in a form is read by `api`."""
    scheme, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return dict(parse_qsl(environ.get("QUERY_STRING", ""))).get("access_token")


@dataclass
class Call:
    """`site` is this server's address as the caller wrote it; `path` is the raw path, still percent-encoded."""

    world: World
    caller: Token
    params: Params
    site: str
    path: str
    query: str
    links: dict[str, str] = field(default_factory=dict)

    def numbered(self, rows: list[Row], counted: bool = True) -> list[Row]:
        """The requested page of a numbered list. Raises NotFound for a page that can't be.

        A list that is not `counted` links from every full page to a next one, even if that is empty (lib/api.rb).
        """
        text = self.params.one("page") or "1"
        page = int(text) if text.isascii() and text.isdigit() else 0
        if page < 1:
            raise NotFound
        size = self._page_size()
        last = max(1, -(-len(rows) // size))
        here = rows[(page - 1) * size : page * size]
        more = page < last if counted else len(here) == size
        self._link(
            current=page,
            next=page + 1 if more else None,
            prev=page - 1 if page > 1 else None,
            first=1,
            last=last if counted else (None if more else page),
        )
        return here

    def bookmarked(self, rows: list[tuple[SortKey, Row]], wanted: Callable[[Row], bool]) -> list[Row]:
        """The requested page of a bookmarked list: never a `prev`, and `last` only on the last page (lib/api.rb).

        `rows` are in order, with their keys; only as many are looked at as the page needs.
        """
        page, size = self.params.one("page") or "first", self._page_size()
        mark = _read_bookmark(page)
        start = bisect_right(rows, mark, key=itemgetter(0)) if mark else 0
        rest = list(islice((item for item in islice(rows, start, None) if wanted(item[1])), size + 1))
        here, more = rest[:size], len(rest) > size
        current = page if mark else "first"
        self._link(
            current=current,
            next=_bookmark(here[-1][0]) if more else None,
            first="first",
            last=None if more else current,
        )
        return [row for _, row in here]

    def _page_size(self) -> int:
        text = self.params.one("per_page") or ""
        return min(max(int(text), 1), 100) if text.isascii() and text.isdigit() else 10

    def _link(self, **pages: int | str | None) -> None:
        dropped = ("page", "per_page", "access_token")
        kept = [(k, v) for k, v in query_pairs(self.query) if k not in dropped]
        start = f"{self.site}{self.path}?{urlencode(kept)}{'&' if kept else ''}"
        size = self._page_size()
        self.links = {
            rel: f"{start}page={quote(str(page), safe=':')}&per_page={size}"
            for rel, page in pages.items()
            if page is not None
        }


def _bookmark(key: SortKey) -> str:
    return "bookmark:" + base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _read_bookmark(page: str) -> SortKey | None:
    """The key after which the page starts; None for anything else, which gives the first page."""
    kind, _, text = unquote(page).partition(":")
    if kind != "bookmark":
        return None
    try:
        first, second, third = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return str(first), str(second), int(third)
    except (binascii.Error, ValueError, TypeError):
        return None
