"""Developer keys, the way to their tokens, and a person's own tokens, as Canvas has them (canvas-api-2.md §1)."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from ..practice_canvas import Practice

BACK = "https://office.example/approved"
SCOPES = ["url:GET|/api/v1/users/:id", "url:GET|/api/v1/accounts/:account_id/users"]


@pytest.fixture
def seeded(practice: Practice) -> Practice:
    practice.seed(users={"kim": {"name": "Kim Lee", "login": "kim@example.org"}})
    return practice


def ask(practice: Practice, key: dict, **other: object) -> requests.Response:
    """The browser at the page that approves; `other` replaces what is sent."""
    query = {"client_id": key["client_id"], "response_type": "code", "redirect_uri": BACK, "state": "s1"} | other
    return practice.session.get(f"{practice.url}/login/oauth2/auth", params=query, allow_redirects=False, timeout=5)


def brought_back(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{BACK}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def call(practice: Practice, key: dict, **form: object) -> requests.Response:
    return practice.session.post(
        f"{practice.url}/login/oauth2/token", data={**key, **form}, allow_redirects=False, timeout=5
    )


def tokens(practice: Practice, key: dict) -> dict:
    return call(practice, key, grant_type="authorization_code", code=practice.approve(key, BACK)["code"]).json()


def reads(practice: Practice, token: str, path: str = "users/self", **query: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return practice.session.get(f"{practice.api}/{path}", params=query, headers=headers, timeout=5)


def test_a_person_approves_and_the_code_is_good_for_one_token(seeded):
    key = seeded.developer_key(BACK)
    page = ask(seeded, key)
    assert "Authorize developer key" in page.text
    assert "practice Canvas, not Canvas" in page.text
    back = seeded.approve(key, BACK, state="s1")
    assert back["state"] == "s1"
    answer = call(seeded, key, grant_type="authorization_code", code=back["code"], redirect_uri=BACK).json()
    assert (answer["expires_in"], answer["user"]["name"]) == (3600, "Practice Admin")
    assert reads(seeded, answer["access_token"]).json()["name"] == "Practice Admin"
    again = call(seeded, key, grant_type="authorization_code", code=back["code"])
    assert (again.status_code, again.json()["error_description"]) == (400, "authorization_code not found")


def test_a_refresh_ends_the_access_token_before_it_and_never_the_refresh_token(seeded):
    key = seeded.developer_key(BACK)
    first = tokens(seeded, key)
    second = call(seeded, key, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert "refresh_token" not in second
    old = reads(seeded, first["access_token"])
    assert (old.status_code, "WWW-Authenticate" in old.headers) == (401, True)
    assert reads(seeded, second["access_token"]).ok
    assert call(seeded, key, grant_type="refresh_token", refresh_token=first["refresh_token"]).ok


@pytest.mark.parametrize(
    ("form", "status", "error", "words"),
    [
        ({"client_id": "999999"}, 401, "invalid_client", "unknown client"),
        ({"client_secret": "wrong"}, 401, "invalid_client", "invalid client"),
        ({"grant_type": "refresh_token", "refresh_token": "gone"}, 400, "invalid_request", "refresh_token not found"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request", "must provide"),
        ({"code": "unknown"}, 400, "invalid_grant", "authorization_code not found"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "not currently supported"),
    ],
)
def test_the_token_call_answers_each_error_as_canvas_does(seeded, form, status, error, words):
    key = seeded.developer_key(BACK)
    answer = call(seeded, key, **{"grant_type": "authorization_code", **form})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert words in answer.json()["error_description"]
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_the_approval_page_answers_each_error_as_canvas_does(seeded):
    key = seeded.developer_key(BACK, scopes=SCOPES)
    assert ask(seeded, key, client_id="999999").json()["error"] == "invalid_client"
    assert ask(seeded, key, redirect_uri=f"{BACK}/other").json()["error_description"].startswith("redirect_uri does")
    assert brought_back(ask(seeded, key, response_type="token"))["error"] == "unsupported_response_type"
    lacking = brought_back(ask(seeded, key, scope=f"{SCOPES[0]} url:GET|/api/v1/courses/:id"))
    assert lacking["error"] == "invalid_scope"
    assert "courses/:id" in lacking["error_description"]
    assert "state" not in lacking
    # A repeated parameter: the last one counts.
    assert brought_back(ask(seeded, key, scope=[SCOPES[0], "nonsense"]))["error"] == "invalid_scope"
    seeded.change_key(key, state="off")
    assert brought_back(ask(seeded, key, scope=SCOPES[0]))["error"] == "unauthorized_client"
    assert seeded.approve(seeded.developer_key(BACK), BACK, refuse=True, state="s1") == {
        "error": "access_denied",
        "state": "s1",
    }


def test_scopes_and_includes_limit_what_a_token_may_do(seeded):
    key = seeded.developer_key(BACK, scopes=SCOPES)
    code = seeded.approve(key, BACK, scope=" ".join(SCOPES))["code"]
    token = call(seeded, key, grant_type="authorization_code", code=code).json()["access_token"]
    assert reads(seeded, token).ok
    refused = reads(seeded, token, "accounts/self")
    assert (refused.status_code, "WWW-Authenticate" in refused.headers) == (401, False)
    assert "Insufficient scopes" in refused.text
    people = f"accounts/{seeded.ids['account.root']}/users"
    [kim] = reads(seeded, token, people, **{"search_term": "kim", "include[]": "email"}).json()
    assert "email" not in kim
    seeded.change_key(key, include_parameters=True)
    [kim] = reads(seeded, token, people, **{"search_term": "kim", "include[]": "email"}).json()
    assert kim["email"] == "kim@example.org"
    seeded.change_key(key, scopes=SCOPES[:1])
    assert reads(seeded, token).status_code == 401


def test_a_token_ends_and_can_be_revoked_with_itself(seeded):
    key = seeded.developer_key(BACK, expires_in=100)
    token = tokens(seeded, key)["access_token"]
    seeded.options(clock_offset_seconds=101)
    assert "Expired" in reads(seeded, token).text
    seeded.options(clock_offset_seconds=0)
    ended = seeded.session.delete(
        f"{seeded.url}/login/oauth2/token", headers={"Authorization": f"Bearer {token}"}, timeout=5
    )
    assert (ended.status_code, ended.json()) == (200, {})
    assert reads(seeded, token).status_code == 401


def test_a_person_s_own_tokens_can_be_looked_at_by_five_characters(seeded):
    ends = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    made = seeded.hand("POST", "users/self/tokens", **{"token[purpose]": "Try", "token[expires_at]": ends.isoformat()})
    token = made["visible_token"]
    shown = reads(seeded, token, f"users/self/tokens/{token[:5]}").json()
    assert datetime.fromisoformat(shown["expires_at"]) == ends
    assert shown["visible_token"] == f"{token[:5]}..."
    assert reads(seeded, token, "users/self/tokens/zzzzz").status_code == 404
    assert seeded.hand("DELETE", f"users/self/tokens/{shown['id']}")["workflow_state"] == "deleted"
    assert reads(seeded, token).status_code == 401


def test_the_token_call_meets_faults_is_listed_without_secrets_and_costs_two_hundred(seeded):
    key = seeded.developer_key(BACK)
    before = seeded.read("calls")
    seeded.faults({"match": "POST /login/oauth2/token", "fault": "html", "status": 503})
    assert call(seeded, key, grant_type="refresh_token", refresh_token="r1").status_code == 503
    answer = call(seeded, key, grant_type="refresh_token", refresh_token="r1")
    assert answer.status_code == 400
    assert float(answer.headers["X-Rate-Limit-Remaining"]) <= 400.5
    assert key["client_secret"] not in str(seeded.read("calls"))
    assert seeded.read("calls")["total"] == before["total"] + 2
