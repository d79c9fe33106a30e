"""Rules that the product leans on and that the cases leave open; facts from the same sources as the cases."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from ..practice_canvas import Practice

PEOPLE = {
    name: {"name": name.title(), "login": f"{name}@example.org", "sis_user_id": f"S-{name}"} for name in ("kim", "lou")
}


def world_of(practice: Practice, state: str, **course: Any) -> tuple[dict[str, int], str]:
    ids = practice.seed(
        users=PEOPLE,
        courses={"art": {"name": "Art", **course}},
        enrollments={"e1": {"user": "kim", "course": "art", "state": state}},
    )
    return ids, f"{practice.api}/courses/{ids['course.art']}/enrollments"


@pytest.mark.parametrize(
    "before", ["active", "invited", "creation_pending", "inactive", "completed", "rejected", "deleted"]
)
@pytest.mark.parametrize("asked", ["active", "invited", "inactive", None])
def test_a_repeated_post_keeps_the_enrollment(practice: Practice, before: str, asked: str | None) -> None:
    ids, url = world_of(practice, before)
    form = {"enrollment[user_id]": ids["user.kim"]} | ({"enrollment[enrollment_state]": asked} if asked else {})
    row = practice.admin.post(url, data=form, timeout=5).json()
    assert row["id"] == ids["enrollment.e1"]
    assert row["enrollment_state"] == ("active" if before == "active" else asked or "invited")


def test_somebody_without_a_login_can_not_be_enrolled(practice: Practice) -> None:
    ids = practice.seed(users={"kim": {"name": "Kim", "login": None}}, courses={"art": {"name": "Art"}})
    url = f"{practice.api}/courses/{ids['course.art']}/enrollments"
    assert practice.admin.post(url, data={"enrollment[user_id]": ids["user.kim"]}, timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("term", "own", "restricting", "concluded"),
    [
        ("past", None, False, True),
        ("ahead", "past", True, True),
        ("past", "ahead", True, False),
        ("past", "ahead", False, True),
    ],
)
def test_a_course_that_refuses_enrollments_says_beforehand_that_it_is_concluded(
    practice: Practice, term: str, own: str | None, restricting: bool, concluded: bool
) -> None:
    dates = {"past": "2020-01-01T00:00:00Z", "ahead": "2099-01-01T00:00:00Z", None: None}
    ids, url = world_of(
        practice, "active", term_end_at=dates[term], end_at=dates[own], restrict_enrollments_to_course_dates=restricting
    )
    course = practice.admin.get(f"{practice.api}/courses/{ids['course.art']}?include[]=concluded", timeout=5).json()
    assert course["concluded"] is concluded
    answer = practice.admin.post(url, data={"enrollment[user_id]": ids["user.lou"]}, timeout=5)
    assert answer.status_code == (400 if concluded else 200)


def test_a_list_for_one_user_has_only_active_and_invited_enrollments(practice: Practice) -> None:
    ids, url = world_of(practice, "inactive")
    assert len(practice.admin.get(url, timeout=5).json()) == 1
    assert practice.admin.get(url, params={"user_id": ids["user.kim"]}, timeout=5).json() == []
    query = {"user_id": "sis_user_id:S-kim", "state[]": ["inactive", "deleted"]}
    assert len(practice.admin.get(url, params=query, timeout=5).json()) == 1


def test_taken_login_is_reported_before_the_taken_sis_id_and_freed_by_deletion(practice: Practice) -> None:
    ids = practice.seed(users=PEOPLE)
    url = f"{practice.api}/accounts/self/users"
    form = {"pseudonym[unique_id]": "KIM@example.org", "pseudonym[sis_user_id]": "S-lou"}
    refused = practice.admin.post(url, data=form, timeout=5)
    assert refused.status_code == 400
    assert {key: value[0]["type"] for key, value in refused.json()["errors"]["pseudonym"].items()} == {
        "unique_id": "taken"
    }

    practice.admin.delete(f"{url}/{ids['user.kim']}", timeout=5).raise_for_status()
    form["pseudonym[sis_user_id]"] = "S-kim"
    refused = practice.admin.post(url, data=form, timeout=5).json()
    assert list(refused["errors"]["pseudonym"]) == ["sis_user_id"]
    del form["pseudonym[sis_user_id]"]
    assert practice.admin.post(url, data=form, timeout=5).status_code == 200


def test_a_login_can_be_renamed(practice: Practice) -> None:
    ids = practice.seed(users=PEOPLE)
    login = practice.admin.get(f"{practice.api}/users/{ids['user.kim']}/logins", timeout=5).json()[0]
    url = f"{practice.api}/accounts/self/logins/{login['id']}"
    taken = practice.admin.put(url, data={"login[unique_id]": "lou@example.org"}, timeout=5)
    assert (taken.status_code, taken.json()["errors"]["unique_id"][0]["type"]) == (400, "taken")
    practice.admin.put(url, data={"login[unique_id]": "kim@new.org", "login[sis_user_id]": "N-1"}, timeout=5)
    for name, status in (
        ("sis_login_id:kim@new.org", 200),
        ("sis_user_id:N-1", 200),
        ("sis_login_id:kim@example.org", 404),
        ("sis_user_id:S-kim", 404),
        ("hex:sis_login_id:6b696d406e65772e6f7267", 200),
    ):
        assert practice.admin.get(f"{practice.api}/users/{name}", timeout=5).status_code == status
    other = {"user[id]": ids["user.kim"], "login[unique_id]": "second@example.org"}
    practice.admin.post(f"{practice.api}/accounts/self/logins", data=other, timeout=5).raise_for_status()
    assert (
        practice.admin.get(f"{practice.api}/users/sis_login_id:second@example.org", timeout=5).json()["id"]
        == ids["user.kim"]
    )


def test_parallel_posts_end_in_one_row(practice: Practice) -> None:
    ids, url = world_of(practice, "deleted")
    form = {"enrollment[user_id]": ids["user.lou"], "access_token": practice.token}
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda _: requests.post(url, data=form, timeout=10).json()["id"], range(40)))
    assert len(set(rows)) == 1
    assert len(practice.read("world")["enrollments"]) == 2
