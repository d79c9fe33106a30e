"""Faults and options as a client meets them on the wire."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
import requests
from urllib3.util import SKIP_HEADER

from ..practice_canvas import Practice
from ..processes import until

SELF = "GET /users/self"


@pytest.fixture(autouse=True)
def good_weather(practice: Practice) -> None:
    practice.seed()


def test_each_ordered_fault_is_answered_in_turn(practice: Practice) -> None:
    practice.faults(
        {"match": SELF, "fault": "status"},
        {"match": SELF, "fault": "status", "status": 422},
        {"match": SELF, "fault": "html", "status": 503},
        {"match": SELF, "fault": "html", "status": 200},
        {"match": SELF, "fault": "throttle"},
        {"match": SELF, "fault": "throttle", "status": 403},
        {"match": SELF, "fault": "revoked"},
        {"match": SELF, "fault": "denied"},
        {"match": SELF, "fault": "broken_json"},
    )
    answers = [practice.admin.get(f"{practice.api}/users/self", timeout=5) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [500, 422, 503, 200, 429, 403, 401, 403, 200, 200]
    assert answers[0].json()["errors"][0]["error_code"] == "internal_server_error"
    assert all("text/html" in answer.headers["Content-Type"] for answer in answers[2:4])
    assert all("Rate Limit Exceeded" in answer.text for answer in answers[4:6])
    assert "Retry-After" not in answers[4].headers
    assert ["WWW-Authenticate" in answer.headers for answer in answers[6:8]] == [True, False]
    with pytest.raises(requests.JSONDecodeError):
        answers[8].json()
    assert answers[9].json()["name"] == "Practice Admin"


def test_reset_before_leaves_nothing_after_leaves_the_row_and_late_makes_it_later(practice: Practice) -> None:
    ids = practice.seed(users={"kim": {"name": "Kim", "login": "kim"}}, courses={"art": {"name": "Art"}})
    url = f"{practice.api}/courses/{ids['course.art']}/enrollments"
    for when, rows in (("before", 0), ("after", 1)):
        practice.faults({"match": "POST /courses/*/enrollments", "fault": "reset", "when": when})
        with pytest.raises(requests.ConnectionError, match="reset"):
            practice.admin.post(url, data={"enrollment[user_id]": ids["user.kim"]}, timeout=5)
        assert len(practice.read("world")["enrollments"]) == rows
    person = practice.admin.post(
        f"{practice.api}/accounts/self/users", data={"pseudonym[unique_id]": "lou", "user[name]": "Lou"}, timeout=5
    ).json()
    practice.faults({"match": "POST /courses/*/enrollments", "fault": "reset", "when": "late"})
    with pytest.raises(requests.ConnectionError, match="reset"):
        practice.admin.post(url, data={"enrollment[user_id]": person["id"]}, timeout=5)
    assert len(practice.read("world")["enrollments"]) == 1
    until(lambda: len(practice.read("world")["enrollments"]) == 2, 10)


@pytest.mark.parametrize("fault", ["hang", "trickle_headers"])
def test_an_answer_ordered_to_hang_does_not_come(practice: Practice, fault: str) -> None:
    practice.faults({"match": "* *", "fault": fault})
    with pytest.raises(requests.Timeout):
        practice.admin.get(f"{practice.api}/users/self", timeout=0.3)


def test_a_call_that_hangs_does_not_count_in_a_new_world(practice: Practice) -> None:
    practice.faults({"match": "GET /courses/1", "fault": "hang"})
    with ThreadPoolExecutor(1) as pool, closing(requests.Session()) as hanging:
        hanging.params = {"access_token": practice.token}
        pool.submit(hanging.get, f"{practice.api}/courses/1", timeout=3)
        until(lambda: practice.read("calls")["total"] == 1, 10)
        practice.seed()
        assert practice.admin.get(f"{practice.api}/users/self", timeout=5).status_code == 200
        assert (practice.read("calls")["total"], practice.read("calls")["max_in_flight"]) == (1, 1)


def test_trickling_body_outlives_a_read_timeout(practice: Practice) -> None:
    practice.faults({"match": "* *", "fault": "trickle"})
    started = time.monotonic()
    with practice.admin.get(f"{practice.api}/users/self", timeout=0.9, stream=True) as answer:
        assert answer.status_code == 200
        assert next(answer.iter_content(1)) == b" "
        assert next(answer.iter_content(1)) == b" "
    assert time.monotonic() - started > 0.9


def test_faults_are_counted_skipped_listed_and_forgotten(practice: Practice) -> None:
    practice.faults({"match": "GET /users/", "fault": "status", "skip": 1, "times": None})
    assert practice.admin.get(f"{practice.api}/users/self", timeout=5).status_code == 200
    assert [practice.admin.get(f"{practice.api}/users/self", timeout=5).status_code for _ in range(3)] == [500] * 3
    assert practice.admin.get(f"{practice.api}/accounts/self", timeout=5).status_code == 200
    assert [fault["match"] for fault in practice.read("faults")] == ["GET /users/"]
    practice.session.delete(f"{practice.url}/practice/faults", timeout=5)
    assert practice.read("faults") == []
    assert practice.admin.get(f"{practice.api}/users/self", timeout=5).status_code == 200


def test_an_unknown_fault_or_option_is_refused(practice: Practice) -> None:
    for handle, body in (
        ("faults", [{"match": "GET", "fault": "reset"}]),
        ("faults", [{"match": "* *", "fault": "x"}]),
        ("options", {"latency": 3}),
        ("options", {"denied_status": 500}),
    ):
        assert practice.session.post(f"{practice.url}/practice/{handle}", json=body, timeout=5).status_code == 400
    assert practice.read("faults") == []


def test_the_rate_limit_lets_twelve_calls_in_and_refuses_the_thirteenth(practice: Practice) -> None:
    # All thirteen have to come while the first is under way, and a busy machine takes a while to send them.
    practice.options(latency_seconds=4, throttle={"enabled": True, "status": 429})

    def ask(number: int) -> requests.Response:
        time.sleep(number * 0.02)
        return requests.get(f"{practice.api}/users/self", params={"access_token": practice.token}, timeout=10)

    with ThreadPoolExecutor(13) as pool:
        answers = list(pool.map(ask, range(13)))
    # On a busy machine one may overtake another.
    answers.sort(key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [200] * 12 + [429]
    refused = answers[-1]
    assert refused.text == "429 Too Many Requests (Rate Limit Exceeded)\n"
    assert "X-Request-Cost" not in refused.headers
    assert 0 < float(refused.headers["X-Rate-Limit-Remaining"]) < 50
    assert float(answers[0].headers["X-Request-Cost"]) == 4
    log = practice.read("calls")
    assert (log["throttled"], log["total"]) == (1, 13)
    assert log["max_in_flight"] >= 13


def test_throttle_is_off_unless_asked_for(practice: Practice) -> None:
    practice.options(latency_seconds=0.5)
    with ThreadPoolExecutor(15) as pool:
        answers = list(
            pool.map(
                lambda _: requests.get(
                    f"{practice.api}/users/self", params={"access_token": practice.token}, timeout=10
                ),
                range(15),
            )
        )
    assert {answer.status_code for answer in answers} == {200}


def test_the_option_down_cuts_off_only_the_api(practice: Practice) -> None:
    practice.options(down=True)
    with pytest.raises(requests.ConnectionError):
        practice.admin.get(f"{practice.api}/users/self", timeout=5)
    assert practice.session.get(f"{practice.url}/", timeout=5).status_code == 200
    practice.options(down=False)
    assert practice.admin.get(f"{practice.api}/users/self", timeout=5).status_code == 200


def test_the_status_of_refusals_and_the_clock_can_be_set(practice: Practice) -> None:
    practice.options(denied_status=401, permissions=[], clock_offset_seconds=-3600)
    answer = practice.admin.get(f"{practice.api}/accounts/self", timeout=5)
    assert answer.status_code == 401
    assert "WWW-Authenticate" not in answer.headers
    behind = datetime.now(UTC) - parsedate_to_datetime(answer.headers["Date"])
    assert 3590 < behind.total_seconds() < 3610


def test_calls_are_logged_without_the_token(practice: Practice) -> None:
    requests.get(f"{practice.api}/users/self", params={"access_token": practice.token, "x": "1"}, timeout=5)
    text = practice.session.get(f"{practice.url}/practice/calls", timeout=5).text
    assert practice.token not in text
    call = practice.read("calls")["calls"][-1]
    assert (call["method"], call["path"], call["query"], call["status"]) == ("GET", "/users/self", "x=1", 200)
    assert practice.token not in practice.session.get(f"{practice.url}/", timeout=5).text


def test_a_caller_without_name_is_refused(practice: Practice) -> None:
    headers = {"User-Agent": SKIP_HEADER}
    assert practice.admin.get(f"{practice.api}/users/self", headers=headers, timeout=5).status_code == 403


def test_ids_are_sent_as_texts_on_request(practice: Practice) -> None:
    headers = {"Accept": "application/json+canvas-string-ids"}
    assert isinstance(practice.admin.get(f"{practice.api}/users/self", headers=headers, timeout=5).json()["id"], str)


def test_connections_are_kept_and_answers_come_at_once(practice: Practice) -> None:
    ids = practice.seed(users={"kim": {"name": "Kim", "login": "kim"}}, courses={"art": {"name": "Art"}})
    body = urlencode({"enrollment[user_id]": ids["user.kim"], "access_token": practice.token})
    seconds, sockets = [], set()
    with closing(HTTPConnection(practice.url.removeprefix("http://"), timeout=5)) as connection:
        for _ in range(30):
            started = time.perf_counter()
            headers = {"User-Agent": "test"}
            connection.request("POST", f"/api/v1/courses/{ids['course.art']}/enrollments", body, headers)
            sockets.add(connection.sock)
            answer = connection.getresponse()
            assert (answer.status, answer.read()[:6]) == (200, b'{"id":')
            seconds.append(time.perf_counter() - started)
    assert len(sockets) == 1
    assert sorted(seconds)[15] < 0.02, "most answers take longer than any that nothing holds back"
