"""Plays the cases of canvas-cases.json and canvas-cases-2.json against any Canvas that can be seeded.

Those files say how to read them. Of the second file only the groups in GROUPS are played: the practice Canvas has no
bulk enrollment, reports or GraphQL.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

FIRST, SECOND = (
    json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    for name in ("canvas-cases.json", "canvas-cases-2.json")
)
GROUPS = {"picker", "sections", "participant", "moved", "sis", "results"}
CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in FIRST["cases"] + [case for case in SECOND["cases"] if case["group"] in GROUPS]
}
BODIES = FIRST["bodies"] | SECOND["bodies"]
STATES = ["active", "invited", "creation_pending", "inactive", "completed", "rejected", "deleted"]
HOLE = re.compile(r"\{([a-z][\w.]*)\}")


class Run:
    """One case on a freshly seeded server; `play()` raises AssertionError where the server differs."""

    def __init__(self, case: dict[str, Any], url: str, admin_token: str, session: requests.Session) -> None:
        self.case, self.url, self.session, self.admin_token = case, url, session, admin_token
        seeded = session.post(f"{url}/practice/seed", json={"given": case.get("given", {})}, timeout=10).json()
        assert seeded["unsupported"] == []
        self.token = seeded["token"] or admin_token
        self.values: dict[str, Any] = {f"{name}.id": number for name, number in seeded["ids"].items()}
        self.then = case.get("then", {})

    def play(self) -> None:
        for number, step in enumerate(self.case["steps"], 1):
            answer = self._send(step)
            over_at = time.monotonic() + 20
            while "until" in step and not fits(answer.json(), self._fill(step["until"])):
                assert time.monotonic() < over_at, f"step {number}: still {answer.text[:300]}"
                time.sleep(0.2)
                answer = self._send(step)
            self._judge(answer, step.get("expect", {}), f"step {number}")
            for name, path in step.get("save", {}).items():
                self.values[f"saved.{name}"] = _dig(answer.json(), path)
        for course, rows in self.then.get("rows", {}).items():
            _same_rows(list(self._rows(course)), self._fill(rows), course)
        if "mails" in self.then:
            assert self.session.get(f"{self.url}/practice/seed", timeout=10).json()["mails"] == self.then["mails"]

    def _send(self, step: dict[str, Any]) -> requests.Response:
        path = self._fill(step["path"])
        query, headers = dict(self._fill(step.get("query", {}))), dict(step.get("headers", {}))
        credentials = step.get("credentials", "header")
        if credentials == "query":
            query["access_token"] = self.token
        elif credentials != "none":
            headers["Authorization"] = f"Bearer {self.token if credentials == 'header' else 'nobody-knows-this'}"
        form = self._fill(step.get("form"))
        if step.get("no_content_type"):
            form = requests.models.RequestEncodingMixin._encode_params(form).encode()
        answer = self.session.request(
            step["method"],
            path if path.startswith("http") else f"{self.url}/api/v1{path}",
            params=query,
            headers=headers,
            data=self._fill(step["body"]).encode() if "body" in step else form,
            json=self._fill(step.get("json")),
            timeout=10,
        )
        self.values |= {f"link.{rel}": link["url"] for rel, link in answer.links.items()}
        return answer

    def _judge(self, answer: requests.Response, expect: dict[str, Any], where: str) -> None:
        where = f"{where} ({answer.status_code} {answer.text[:300]})"
        status = expect.get("status", 200)
        if status == "denied":
            assert answer.status_code in (401, 403), where
            assert "WWW-Authenticate" not in answer.headers, where
        else:
            assert answer.status_code in (status if isinstance(status, list) else [status]), where
        if "json" in expect:
            body = BODIES[expect["json"]] if isinstance(expect["json"], str) else expect["json"]
            match(answer.json(), self._fill(body), where)
        if "text" in expect:
            match(answer.text, self._fill(expect["text"]), where)
        links = {rel: link["url"] for rel, link in answer.links.items()}
        for kind, found in (("headers", answer.headers), ("links", links)):
            for name, wanted in expect.get(kind, {}).items():
                if wanted in ("present", "absent"):
                    assert (name in found) == (wanted == "present"), f"{where}: {kind} {name} is not {wanted}"
                else:
                    match(found.get(name), self._fill(wanted), f"{where} {kind} {name}")

    def _rows(self, course: str) -> Iterator[dict[str, Any]]:
        url: str | None = f"{self.url}/api/v1/courses/{self.values[f'course.{course}.id']}/enrollments"
        query: Any = {"per_page": 100, "state[]": STATES}
        while url:
            headers = {"Authorization": f"Bearer {self.admin_token}"}
            answer = self.session.get(url, params=query, headers=headers, timeout=10)
            yield from answer.json()
            url, query = answer.links.get("next", {}).get("url"), None

    def _fill(self, value: Any) -> Any:
        """The value with its holes filled."""
        if isinstance(value, dict):
            return {key: self._fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._fill(item) for item in value]
        if not isinstance(value, str):
            return value
        whole = HOLE.fullmatch(value)
        return self.values[whole[1]] if whole else HOLE.sub(lambda hole: str(self.values[hole[1]]), value)


def match(found: Any, wanted: Any, where: str) -> None:
    """Objects by subset, lists item by item, the rest by equality; `$` keys are matchers."""
    if isinstance(wanted, dict):
        _match_object(found, wanted, where)
    elif isinstance(wanted, list):
        assert isinstance(found, list), f"{where}: {found!r} is no list"
        assert len(found) == len(wanted), f"{where}: {len(found)} items, not {len(wanted)}"
        for number, (item, item_wanted) in enumerate(zip(found, wanted, strict=True)):
            match(item, item_wanted, f"{where}[{number}]")
    else:
        assert type(found) is type(wanted), f"{where}: {found!r} is not {wanted!r}"
        assert found == wanted, f"{where}: {found!r} is not {wanted!r}"


def fits(found: Any, wanted: Any) -> bool:
    try:
        match(found, wanted, "")
    except AssertionError:
        return False
    return True


def _match_object(found: Any, wanted: dict[str, Any], where: str) -> None:
    for key, value in wanted.items():
        if key.startswith("$"):
            assert MATCHERS[key](found, value, wanted), f"{where}: {found!r} against {key} {value!r}"
        elif isinstance(value, dict) and value.get("$absent"):
            assert key not in found, f"{where}.{key} should be absent"
        else:
            assert isinstance(found, dict), f"{where}: {found!r} is no object"
            assert key in found, f"{where}.{key} is missing"
            match(found[key], value, f"{where}.{key}")


def _plucked(found: Any, key: str, wanted: dict[str, Any]) -> bool:
    values = [item[key] for item in found]
    if "$is" in wanted:
        return values == wanted["$is"]
    return sorted(values, key=str) == sorted(wanted["$set"], key=str)


MATCHERS = {
    "$type": lambda found, value, _: type(found) is {"integer": int, "string": str}[value],
    "$match": lambda found, value, _: isinstance(found, str) and re.search(value, found) is not None,
    "$string": lambda found, value, _: found == str(value),
    "$in": lambda found, value, _: any(fits(found, item) for item in value),
    "$not": lambda found, value, _: not fits(found, value),
    "$nonempty": lambda found, value, _: bool(found) == value,
    "$size": lambda found, value, _: len(found) == value,
    "$has": lambda found, value, _: all(any(fits(item, one) for item in found) for one in value),
    "$lacks": lambda found, value, _: not any(fits(item, one) for item in found for one in value),
    "$pluck": _plucked,
    "$is": lambda found, value, wanted: True,
    "$set": lambda found, value, wanted: True,
}


def _same_rows(found: list[Any], wanted: list[Any], course: str) -> None:
    rest = list(found)
    for row in wanted:
        hit = next((item for item in rest if fits(item, row)), None)
        assert hit is not None, f"then: no row like {row} in {course}: {found}"
        rest.remove(hit)
    assert rest == [], f"then: rows too many in {course}"


def _dig(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value
