"""Merged users and cross-listed sections, beyond the cases; facts from the same sources."""

import pytest
import requests

from ..practice_canvas import Practice

STATES = ["active", "invited", "creation_pending", "completed", "rejected", "inactive", "deleted"]
"""The best state comes first (lib/user_merge.rb, enrollment_keeper)."""


@pytest.fixture
def two(practice: Practice) -> Practice:
    """Kim and Lou; `art` with the sections a and b; `bio` and `che` without any."""
    practice.seed(
        users={
            "kim": {
                "name": "Kim Lee",
                "login": "kim@example.org",
                "sis_user_id": "K-100",
                "email": "kim@home.example",
            },
            "lou": {"name": "Lou Berg", "login": "lou", "sis_user_id": "L-200", "email": "lou@example.org"},
        },
        courses={"art": {"sections": {"a": {}, "b": {}}}, "bio": {}, "che": {}},
    )
    return practice


def by_id(canvas: Practice, row_id: int) -> dict:
    return canvas.hand("GET", f"accounts/self/enrollments/{row_id}")


def of_user(canvas: Practice, user: object) -> list[dict]:
    return canvas.hand("GET", f"users/{user}/enrollments", **{"state[]": STATES})


@pytest.mark.parametrize("ours", STATES)
@pytest.mark.parametrize("theirs", STATES)
def test_a_merge_keeps_the_target_s_enrollment_in_the_better_of_the_two_states(
    two: Practice, ours: str, theirs: str
) -> None:
    kims, lous = two.by_hand("kim", "art"), two.by_hand("lou", "art")
    two.change_state(kims["id"], ours)
    two.change_state(lous["id"], theirs)
    two.merge("kim", "lou")
    left, kept = by_id(two, kims["id"]), by_id(two, lous["id"])
    assert (left["user_id"], left["enrollment_state"]) == (two.ids["user.kim"], "deleted")
    assert (kept["user_id"], kept["enrollment_state"]) == (two.ids["user.lou"], min(ours, theirs, key=STATES.index))
    assert [row["id"] for row in of_user(two, two.ids["user.lou"])] == [lous["id"]]


def test_an_enrollment_without_a_twin_moves_and_a_deleted_one_stays(two: Practice) -> None:
    section = two.ids["section.art.a"]
    moves = two.by_hand("kim", "art", course_section_id=section)
    stays = two.by_hand("kim", "bio")
    two.by_hand("lou", "art", course_section_id=two.ids["section.art.b"])
    two.change_state(stays["id"], "deleted")
    two.merge("kim", "lou")
    moved = by_id(two, moves["id"])
    assert moved["user_id"] == two.ids["user.lou"]
    assert moved["created_at"] == moves["created_at"]
    assert moved["sis_user_id"] == "L-200"
    assert by_id(two, stays["id"])["user_id"] == two.ids["user.kim"]
    assert len(of_user(two, two.ids["user.lou"])) == 2
    # The next POST for the person finds the one that moved.
    assert two.by_hand("lou", "art", course_section_id=section)["id"] == moves["id"]


def test_every_address_of_a_merged_user_leads_to_the_target_and_the_number_nowhere(two: Practice) -> None:
    left = two.by_hand("kim", "art")
    two.by_hand("lou", "art")
    two.merge("kim", "lou")
    lou = two.ids["user.lou"]
    for address in ("sis_user_id:K-100", "sis_login_id:KIM@example.org", "sis_user_id:L-200", "sis_login_id:lou"):
        assert two.hand("GET", f"users/{address}")["id"] == lou
    two.snapshot()
    two.restore()
    for text in ("kim@example.org", "kim@home.example", "lou@example.org"):
        found = two.hand("GET", "accounts/self/users", search_term=text)
        assert [(user["id"], user["login_id"], user["sis_user_id"]) for user in found] == [(lou, "lou", "L-200")]
    assert two.hand("GET", f"users/{lou}")["email"] == "lou@example.org"

    # The enrollment that stays behind is in the whole list of the course, and in no list of a person.
    assert by_id(two, left["id"])["user_id"] == two.ids["user.kim"]
    assert of_user(two, two.ids["user.kim"]) == []
    course = f"courses/{two.ids['course.art']}/enrollments"
    assert two.hand("GET", course, user_id=two.ids["user.kim"], **{"state[]": STATES}) == []
    with pytest.raises(requests.HTTPError, match="404"):
        two.by_hand("kim", "bio")
    assert two.by_hand("sis_user_id:K-100", "bio")["user_id"] == lou


def test_a_merged_user_s_token_continues_as_the_target_s(practice: Practice) -> None:
    given = {
        "users": {name: {"login": f"{name}@example.org"} for name in ("kim", "lou")},
        "token": {"user": "kim"},
    }
    seeded = practice.session.post(f"{practice.url}/practice/seed", json={"given": given}, timeout=5).json()
    practice.ids = seeded["ids"]
    practice.merge("kim", "lou")
    answer = practice.session.get(
        f"{practice.api}/users/self", headers={"Authorization": f"Bearer {seeded['token']}"}, timeout=5
    )
    assert answer.json()["id"] == practice.ids["user.lou"]


def test_nobody_observes_themselves_after_a_merge(two: Practice) -> None:
    row = two.by_hand("kim", "art", type="ObserverEnrollment", associated_user_id=two.ids["user.lou"])
    two.merge("kim", "lou")
    assert by_id(two, row["id"])["enrollment_state"] == "deleted"


def test_cross_listing_takes_deleted_enrollments_along_and_leaves_other_sections(two: Practice) -> None:
    section = two.ids["section.art.a"]
    gone, here = two.by_hand("kim", "art", course_section_id=section), two.by_hand("lou", "art")
    two.change_state(gone["id"], "deleted")
    two.crosslist("art.a", "bio")
    moved = by_id(two, gone["id"])
    assert (moved["course_id"], moved["course_section_id"]) == (two.ids["course.bio"], section)
    assert (moved["enrollment_state"], moved["created_at"]) == ("deleted", gone["created_at"])
    assert by_id(two, here["id"])["course_id"] == two.ids["course.art"]
    # A section that moved is not the old course's, and enrolling there makes another row.
    with pytest.raises(requests.HTTPError, match="404"):
        two.by_hand("kim", "art", course_section_id=section)
    assert two.by_hand("kim", "art")["id"] != gone["id"]
    revived = two.hand("POST", f"sections/{section}/enrollments", **{"enrollment[user_id]": two.ids["user.kim"]})
    assert (revived["id"], revived["course_id"]) == (gone["id"], two.ids["course.bio"])


def test_the_first_home_is_remembered_and_comes_back_unpublished(two: Practice) -> None:
    section, home = two.ids["section.art.a"], two.ids["course.art"]
    row = two.by_hand("kim", "art", course_section_id=section)
    two.crosslist("art.a", "bio")
    two.crosslist("art.a", "che")
    two.hand("DELETE", f"courses/{home}", event="delete")
    back = two.hand("DELETE", f"sections/{section}/crosslist")
    assert (back["course_id"], back["nonxlist_course_id"]) == (home, None)
    assert two.hand("GET", f"courses/{home}")["workflow_state"] == "claimed"
    assert (by_id(two, row["id"])["course_id"], by_id(two, row["id"])["enrollment_state"]) == (home, "active")


def test_the_only_section_of_a_course_becomes_its_default_section(two: Practice) -> None:
    two.by_hand("kim", "che")
    for course, expected in (("bio", True), ("che", False)):
        two.crosslist("art.a", course)
        row = two.by_hand("lou", course)
        assert (row["course_section_id"] == two.ids["section.art.a"]) is expected


def test_lists_are_sorted_by_name_and_follow_moved_sections(two: Practice) -> None:
    rows = {name: two.by_hand(name, "art", course_section_id=two.ids["section.art.a"])["id"] for name in ("kim", "lou")}

    def listed(course: str) -> list[int]:
        return [row["id"] for row in two.hand("GET", f"courses/{two.ids[f'course.{course}']}/enrollments")]

    assert listed("art") == [rows["lou"], rows["kim"]]
    two.hand("PUT", f"users/{two.ids['user.lou']}", **{"user[name]": "Lou Zorn"})
    assert listed("art") == [rows["kim"], rows["lou"]]
    assert listed("bio") == []
    two.crosslist("art.a", "bio")
    assert (listed("art"), listed("bio")) == ([], [rows["kim"], rows["lou"]])


def test_nobody_can_answer_somebody_else_s_invitation(two: Practice) -> None:
    row = two.by_hand("kim", "art", enrollment_state="invited")
    for answer in ("accept", "reject"):
        with pytest.raises(requests.HTTPError, match="403"):
            two.hand("POST", f"courses/{two.ids['course.art']}/enrollments/{row['id']}/{answer}")
    assert by_id(two, row["id"])["enrollment_state"] == "invited"


def test_a_person_who_rejected_an_invitation_may_still_accept_it(practice: Practice) -> None:
    given = {
        "users": {"kim": {"login": "kim"}},
        "courses": {"art": {}},
        "enrollments": {"e": {"user": "kim", "course": "art", "state": "invited"}},
        "token": {"user": "kim", "permissions": []},
    }
    seeded = practice.session.post(f"{practice.url}/practice/seed", json={"given": given}, timeout=5).json()
    practice.ids = seeded["ids"]
    row = f"courses/{practice.ids['course.art']}/enrollments/{practice.ids['enrollment.e']}"
    for answer, state in (("reject", "rejected"), ("reject", "rejected"), ("accept", "active")):
        answer = practice.session.post(
            f"{practice.api}/{row}/{answer}", headers={"Authorization": f"Bearer {seeded['token']}"}, timeout=5
        )
        assert answer.json() == {"success": True}
        assert practice.roster("art") == {"kim": state}


def test_a_section_can_not_end_before_it_begins(two: Practice) -> None:
    dates = {"course_section[start_at]": "2031-02-01T00:00:00Z", "course_section[end_at]": "2031-01-01T00:00:00Z"}
    with pytest.raises(requests.HTTPError, match="400"):
        two.hand("POST", f"courses/{two.ids['course.art']}/sections", **dates)
    assert two.hand("POST", f"courses/{two.ids['course.art']}/sections")["course_id"] == two.ids["course.art"]


def test_the_enrollments_of_a_deleted_course_stay_deleted_when_it_comes_back(two: Practice) -> None:
    row, course = two.by_hand("kim", "art"), two.ids["course.art"]
    two.hand("PUT", f"courses/{course}", **{"course[event]": "delete"})
    assert by_id(two, row["id"])["enrollment_state"] == "deleted"
    assert [one["enrollment_state"] for one in of_user(two, two.ids["user.kim"])] == ["deleted"]
    with pytest.raises(requests.HTTPError, match="404"):
        two.hand("GET", f"courses/{course}")
    back = two.hand("PUT", f"courses/{course}", **{"course[event]": "undelete"})
    assert back["workflow_state"] == "claimed"
    assert by_id(two, row["id"])["enrollment_state"] == "deleted"
    assert two.by_hand("kim", "art")["id"] == row["id"]


def test_the_last_login_stays_and_another_one_goes(two: Practice) -> None:
    user = f"users/{two.ids['user.kim']}/logins"
    [first] = two.hand("GET", user)
    with pytest.raises(requests.HTTPError, match="400"):
        two.hand("DELETE", f"{user}/{first['id']}")
    two.hand("POST", "accounts/self/logins", **{"user[id]": two.ids["user.kim"], "login[unique_id]": "kim2"})
    two.hand("DELETE", f"{user}/{first['id']}")
    assert two.hand("GET", "users/sis_login_id:kim2")["id"] == two.ids["user.kim"]
    with pytest.raises(requests.HTTPError, match="404"):
        two.hand("GET", "users/sis_user_id:K-100")
