"""What tests do to the practice world: hands, rights in one course, snapshots; and how long its lists take."""

import pytest
import requests

from ..practice_canvas import Practice

STATES = ["active", "invited", "creation_pending", "completed", "rejected", "inactive", "deleted"]


def test_a_call_by_hand_is_not_counted_meets_no_fault_and_may_do_everything(canvas: Practice) -> None:
    canvas.admin.get(f"{canvas.api}/users/self", timeout=5)
    canvas.faults({"match": "* *", "fault": "status", "times": None})
    canvas.options(down=True, token="revoked", permissions=[])
    row = canvas.by_hand("kim", "art")
    assert canvas.calls() == ["GET /users/self"]
    assert canvas.rows() == [("kim@example.org", "art", row["id"], "Student", "active")]
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert canvas.who_is_in("bio") == set()


@pytest.mark.parametrize("token", [None, "guessed"])
def test_a_call_by_hand_needs_the_admin_s_token(canvas: Practice, token: str | None) -> None:
    headers = {"Practice-Hand": "yes"} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = canvas.session.get(f"{canvas.api}/users/self", headers=headers, timeout=5)
    assert answer.status_code == 401


@pytest.mark.parametrize("state", STATES)
def test_a_call_by_hand_changes_any_state(canvas: Practice, state: str) -> None:
    row = canvas.by_hand("kim", "art")
    canvas.change_state(row["id"], state)
    assert canvas.roster("art") == {"kim@example.org": state}


def test_a_state_that_canvas_does_not_have_is_refused(canvas: Practice) -> None:
    row = canvas.by_hand("kim", "art")
    for wrong in ({"state": "gone"}, {}):
        answer = canvas.session.post(f"{canvas.url}/practice/enrollments/{row['id']}", json=wrong, timeout=5)
        assert answer.status_code == 400
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_a_right_is_missing_in_one_course_alone(canvas: Practice) -> None:
    art, bio = canvas.ids["course.art"], canvas.ids["course.bio"]
    rows = {course: canvas.by_hand("kim", name)["id"] for course, name in ((art, "art"), (bio, "bio"))}
    names = ["add_student_to_course", "remove_student_from_course", "read_roster", "fly"]
    canvas.options(lacking={art: names[:2]})

    def status(method: str, course: int, more: str = "", **form: object) -> int:
        url = f"{canvas.api}/courses/{course}/enrollments{more}"
        return canvas.admin.request(method, url, data=form, timeout=5).status_code

    for course, expected in ((art, 403), (bio, 200)):
        assert status("POST", course, **{"enrollment[user_id]": canvas.ids["user.lou"]}) == expected
        assert status("GET", course) == 200
        assert status("DELETE", course, f"/{rows[course]}", task="delete") == expected
        permissions = canvas.admin.get(
            f"{canvas.api}/courses/{course}/permissions", params={"permissions[]": names}, timeout=5
        ).json()
        assert list(permissions.values()) == [expected == 200, expected == 200, True, False]
    everywhere = canvas.admin.get(
        f"{canvas.api}/accounts/self/permissions", params={"permissions[]": names[:1]}, timeout=5
    )
    assert everywhere.json() == {"add_student_to_course": True}
    canvas.options(lacking={})
    assert status("DELETE", art, f"/{rows[art]}", task="delete") == 200


def test_a_seed_says_what_a_token_lacks_in_one_course(practice: Practice) -> None:
    given = {"courses": {"art": {}, "bio": {}}, "token": {"lacking": {"art": ["read_roster"]}}}
    seeded = practice.session.post(f"{practice.url}/practice/seed", json={"given": given}, timeout=5).json()
    assert seeded["unsupported"] == []
    for course, status in (("art", 403), ("bio", 200)):
        url = f"{practice.api}/courses/{seeded['ids'][f'course.{course}']}/enrollments"
        headers = {"Authorization": f"Bearer {seeded['token']}"}
        assert practice.session.get(url, headers=headers, timeout=5).status_code == status


def test_a_permission_that_does_not_exist_is_refused(canvas: Practice) -> None:
    with pytest.raises(requests.HTTPError, match="400"):
        canvas.options(lacking={canvas.ids["course.art"]: ["add_students"]})


@pytest.mark.parametrize("kind", ["blueprint", "template"])
def test_a_course_closed_to_students_says_so_itself_and_not_in_its_permissions(practice: Practice, kind: str) -> None:
    practice.seed(users={"kim": {"login": "kim"}}, courses={"art": {kind: True}})
    course = f"courses/{practice.ids['course.art']}"
    with pytest.raises(requests.HTTPError, match="403"):
        practice.by_hand("kim", "art")
    assert practice.hand("GET", f"{course}/permissions", **{"permissions[]": "add_student_to_course"}) == {
        "add_student_to_course": True
    }
    shown = practice.hand("GET", course)
    assert {name: shown[name] for name in ("blueprint", "template")} == {
        "blueprint": kind == "blueprint",
        "template": kind == "template",
    }


def test_a_restored_world_gives_its_ids_out_again(canvas: Practice) -> None:
    before = canvas.by_hand("kim", "art")
    canvas.snapshot()
    lost = canvas.by_hand("lou", "art")
    canvas.change_state(before["id"], "completed")
    canvas.merge("kim", "lou")
    canvas.crosslist("art.late", "bio")
    made = canvas.hand("POST", "accounts/self/users", **{"user[name]": "New", "pseudonym[unique_id]": "new"})
    canvas.faults({"match": "GET /users", "fault": "status"})
    canvas.options(latency_seconds=0.01)
    for _ in range(2):
        canvas.restore()
        assert canvas.rows() == [("kim@example.org", "art", before["id"], "Student", "active")]
        assert [user["name"] for user in canvas.hand("GET", "accounts/self/users", search_term="new")] == []
        assert canvas.hand("GET", "users/sis_user_id:K-100")["id"] == canvas.ids["user.kim"]
        assert canvas.hand("GET", f"sections/{canvas.ids['section.art.late']}")["course_id"] == canvas.ids["course.art"]
        assert canvas.by_hand("lou", "art")["id"] == lost["id"]
    assert made["id"] > lost["id"]
    assert len(canvas.read("faults")) == 1
    assert canvas.options()["latency_seconds"] == 0.01


def test_a_restore_without_a_snapshot_is_refused(canvas: Practice) -> None:
    canvas.by_hand("kim", "art")
    with pytest.raises(requests.HTTPError, match="400"):
        canvas.restore()
    canvas.snapshot()
    canvas.seed()
    with pytest.raises(requests.HTTPError, match="400"):
        canvas.restore()


def test_the_next_id_can_be_as_large_as_a_consortium_s(canvas: Practice) -> None:
    before = canvas.options()["next_id"]
    canvas.options(next_id=10_001_000_000_000_007)
    row = canvas.by_hand("kim", "art", course_section_id=canvas.ids["section.art.late"])
    assert row["id"] == 10_001_000_000_000_007
    canvas.options(next_id=before)


def test_an_enrollment_reads_the_same_wherever_it_is_shown(canvas: Practice) -> None:
    made = canvas.by_hand("kim", "art")
    course = f"courses/{canvas.ids['course.art']}/enrollments"
    [listed] = canvas.hand("GET", course)
    [of_user] = canvas.hand("GET", "users/sis_user_id:K-100/enrollments")
    assert listed == of_user
    shown = listed.pop("user")
    assert (shown["id"], shown["login_id"], shown["sis_user_id"]) == (made["user_id"], "kim@example.org", "K-100")
    assert made == listed == canvas.hand("GET", f"accounts/self/enrollments/{made['id']}")
    ended = canvas.hand("DELETE", f"{course}/{made['id']}", task="delete")
    assert ended | {"enrollment_state": "active", "updated_at": made["updated_at"]} == made


def test_a_course_of_20_000_is_listed_page_by_page(practice: Practice) -> None:
    many = 20_000
    users = {f"u{number}": {"name": f"User {number % 977}", "login": f"u{number}"} for number in range(many)}
    rows = {name: {"user": name, "course": "art"} for name in users}
    practice.ids = practice.session.post(
        f"{practice.url}/practice/seed",
        json={"given": {"users": users, "courses": {"art": {}}, "enrollments": rows}},
        timeout=60,
    ).json()["ids"]
    url = f"{practice.api}/courses/{practice.ids['course.art']}/enrollments"
    query, seen, pages = {"per_page": 100, "state[]": STATES}, [], 0
    while url:
        answer = practice.admin.get(url, params=query, timeout=60)
        seen += [row["id"] for row in answer.json()]
        url, query, pages = answer.links.get("next", {}).get("url"), {}, pages + 1
    assert len(seen) == len(set(seen)) == many
    assert pages == many / 100
