"""Every method of the Canvas client and the pages it reads: against the practice Canvas, and raw servers that lie."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from ascriptica_plugin import __version__
from ascriptica_plugin.canvas.client import EVERY_STATE, CanvasClient
from ascriptica_plugin.canvas.errors import (
    NotFound,
    Refused,
)
from ascriptica_plugin.canvas.shapes import Account, Course, Section, User

from ..practice_canvas import Practice
from ..servers import ROW, SOMEBODY, TOKEN, Connect, Raw, path_of, reply


def test_the_token_s_owner_and_the_accounts_are_read(client: CanvasClient, canvas: Practice) -> None:
    me = client.myself()
    assert (me.id, me.name, me.shows_login) == (canvas.ids["caller"], "Practice Admin", True)
    root = client.account(canvas.ids["account.root"])
    assert root == Account(canvas.ids["account.root"], root.name, True)
    assert root.name
    assert client.account("self") == root
    ids = canvas.seed(accounts={"arts": {"name": "Arts"}})
    assert client.account(ids["account.arts"]) == Account(ids["account.arts"], "Arts", False)


def test_permissions_are_read_as_true_or_false(client: CanvasClient, canvas: Practice) -> None:
    canvas.options(permissions={"without": ["manage_sis"]})
    answers = client.permissions(canvas.ids["account.root"], ["manage_user_logins", "manage_sis", "no_such_thing"])
    assert answers == {"manage_user_logins": True, "manage_sis": False, "no_such_thing": False}


def test_a_permission_counts_only_if_canvas_answers_true(raw: Raw, connect: Connect) -> None:
    answers = connect(raw(reply({"a": True, "b": "true", "c": 1})).url).permissions(1, ["a", "b", "c", "d"])
    assert answers == {"a": True, "b": False, "c": False, "d": False}


def test_a_user_is_found_by_number_sis_id_and_login(client: CanvasClient, canvas: Practice) -> None:
    kim = User(canvas.ids["user.kim"], "Kim Lee", "kim@example.org", "kim@example.org", "K-100", True)
    for form in (kim.id, str(kim.id), "sis_user_id:K-100", "sis_login_id:KIM@example.org"):
        assert client.user(form) == kim
    for form in (kim.id + 1000, "sis_user_id:k-100", "sis_login_id:nobody", "kim"):
        with pytest.raises(NotFound):
            client.user(form)


def test_ids_with_unusual_characters_arrive_whole(client: CanvasClient, canvas: Practice) -> None:
    odd = "A/1 ö?#%2F&b=c;"
    ids = canvas.seed(
        users={"odd": {"login": "odd", "sis_user_id": odd}}, courses={"odd": {"name": "Odd", "sis_course_id": odd}}
    )
    assert client.user(f"sis_user_id:{odd}").id == ids["user.odd"]
    course = client.course(f"sis_course_id:{odd}")
    assert course.id == ids["course.odd"]
    assert client.enroll(course.id, f"sis_user_id:{odd}").user_id == ids["user.odd"]
    assert len(client.enrollments_of(f"sis_user_id:{odd}")) == 1


def test_fields_that_the_token_may_not_see_are_none(client: CanvasClient, canvas: Practice) -> None:
    canvas.options(permissions={"without": ["view_user_logins", "read_email_addresses", "read_sis", "manage_sis"]})
    kim = client.user(canvas.ids["user.kim"])
    assert kim == User(canvas.ids["user.kim"], "Kim Lee", None, None, None, False, False)


def test_search_is_by_substring_and_shows_emails(client: CanvasClient, canvas: Practice) -> None:
    ids = canvas.seed(
        users={
            "ann": {"name": "Ann", "login": "ann", "email": "ann@example.org"},
            "joann": {"name": "Joann", "login": "joann", "email": "joann@example.org"},
            "bob": {"name": "Bob", "login": "bob"},
        }
    )
    found = client.search_users(ids["account.root"], "ANN@EXAMPLE")
    assert {(user.login_id, user.email) for user in found} == {
        ("ann", "ann@example.org"),
        ("joann", "joann@example.org"),
    }
    assert client.search_users(ids["account.root"], "nobody") == []
    with pytest.raises(Refused, match="characters is required") as caught:
        client.search_users(ids["account.root"], "a")
    assert (caught.value.status, caught.value.taken) == (400, frozenset())


def test_a_user_is_created_at_once_and_without_a_mail(client: CanvasClient, canvas: Practice) -> None:
    root = canvas.ids["account.root"]
    new = client.create_user(root, name="Ann New", login="ann@example.org", email="ann@example.org", sis_user_id="S-1")
    assert (new.name, new.login_id, new.sis_user_id) == ("Ann New", "ann@example.org", "S-1")
    plain = client.create_user(root, name="Bob", login="bob@example.org", email="bob@example.org")
    assert plain.sis_user_id is None
    world = {user["id"]: user for user in canvas.read("world")["users"]}
    assert (world[new.id]["state"], world[plain.id]["state"]) == ("registered", "registered")
    client.enroll(canvas.ids["course.art"], new.id)
    assert canvas.read("seed")["mails"] == 0


def test_a_refusal_names_the_login_or_sis_id_that_is_taken(client: CanvasClient, canvas: Practice) -> None:
    root = canvas.ids["account.root"]
    for login, sis_user_id, taken in (
        ("KIM@example.org", None, {"unique_id"}),
        ("new@example.org", "K-100", {"sis_user_id"}),
        ("kim@example.org", "K-100", {"unique_id"}),
        ("", None, set()),
    ):
        with pytest.raises(Refused) as caught:
            client.create_user(root, name="Kim", login=login, email=login, sis_user_id=sis_user_id)
        assert caught.value.status == 400
        assert caught.value.taken == taken


def test_courses_are_read_in_every_state(client: CanvasClient, canvas: Practice) -> None:
    ids = canvas.seed(
        courses={
            "art": {"name": "Art", "sis_course_id": "ART-1"},
            "draft": {"name": "Draft", "workflow_state": "claimed"},
            "old": {"name": "Old", "workflow_state": "completed"},
            "gone": {"name": "Gone", "workflow_state": "deleted"},
        }
    )
    art = Course(ids["course.art"], "Art", "available", False, sis_id="ART-1")
    assert client.course(art.id) == client.course(str(art.id)) == client.course("sis_course_id:ART-1") == art
    assert client.course(ids["course.draft"]) == Course(ids["course.draft"], "Draft", "claimed", False)
    assert client.course(ids["course.old"]) == Course(ids["course.old"], "Old", "completed", True)
    with pytest.raises(NotFound):
        client.course(ids["course.gone"])


def test_sections_belong_to_their_course(client: CanvasClient, canvas: Practice) -> None:
    ids = canvas.seed(
        courses={
            "art": {"name": "Art", "sections": {"late": {"name": "Late group", "sis_section_id": "ART-L"}}},
            "bio": {"name": "Biology"},
        }
    )
    late = Section(ids["section.art.late"], "Late group", ids["course.art"], sis_id="ART-L")
    assert client.section(ids["course.art"], late.id) == late
    assert client.section(ids["course.art"], "sis_section_id:ART-L") == late
    with pytest.raises(NotFound):
        client.section(ids["course.bio"], late.id)


def test_enrolling_twice_is_one_enrollment_and_removing_ends_it(client: CanvasClient, canvas: Practice) -> None:
    art, kim = canvas.ids["course.art"], canvas.ids["user.kim"]
    made = client.enroll(art, kim)
    assert (made.user_id, made.type, made.state) == (kim, "StudentEnrollment", "active")
    assert abs(made.created_at - datetime.now(UTC)) < timedelta(seconds=5)
    assert client.enroll(art, "sis_user_id:K-100") == made
    late = client.enroll(art, kim, canvas.ids["section.art.late"])
    assert late.id != made.id
    assert late.section_id == canvas.ids["section.art.late"]

    gone = client.unenroll(art, made.id)
    assert (gone.id, gone.state) == (made.id, "deleted")
    with pytest.raises(NotFound):
        client.unenroll(art, made.id)
    with pytest.raises(NotFound):
        client.unenroll(canvas.ids["course.bio"], late.id)
    rows = client.enrollments_of(kim)
    assert {(row.id, row.state) for row in rows} == {(made.id, "deleted"), (late.id, "active")}
    assert client.enroll(art, kim).id == made.id
    assert canvas.roster("art") == {"kim@example.org": "active"}


def test_a_user_s_student_enrollments_are_listed_in_every_state(client: CanvasClient, canvas: Practice) -> None:
    states = ("active", "invited", "inactive", "completed", "deleted")
    ids = canvas.seed(
        users={"kim": {"login": "kim"}, "lou": {"login": "lou"}},
        courses={"art": {"name": "Art", "sections": {state: {} for state in states}}},
        enrollments={
            **{state: {"user": "kim", "course": "art", "section": state, "state": state} for state in states},
            "teacher": {"user": "kim", "course": "art", "type": "TeacherEnrollment"},
            "lou": {"user": "lou", "course": "art"},
        },
    )
    rows = client.enrollments_of(ids["user.kim"])
    assert {row.id: row.state for row in rows} == {ids[f"enrollment.{state}"]: state for state in states}
    assert set(states) < set(EVERY_STATE)
    for ask in (lambda: client.enrollments_of(10**12), lambda: client.course_enrollments(10**12)):
        with pytest.raises(NotFound):
            ask()


def test_requests_carry_exactly_the_fields_that_canvas_needs(raw: Raw, connect: Connect) -> None:
    server = raw(lambda request: reply({**SOMEBODY, **ROW}))
    client = connect(server.url)
    client.create_user(1, name="Ann & Bob", login="ann+b@example.org", email="ann+b@example.org", sis_user_id="S 1")
    client.enroll(5, 7, 12)
    client.enroll(5, "sis_user_id:S 1")
    client.unenroll(5, 91)
    user, with_section, by_sis, removed = server.requests
    assert user.startswith(b"POST /api/v1/accounts/1/users HTTP/1.1\r\n")
    assert fields(user) == {
        "user[name]": "Ann & Bob",
        "user[skip_registration]": "true",
        "pseudonym[unique_id]": "ann+b@example.org",
        "pseudonym[sis_user_id]": "S 1",
        "pseudonym[send_confirmation]": "false",
    }
    enrollment = {
        "enrollment[user_id]": "7",
        "enrollment[type]": "StudentEnrollment",
        "enrollment[enrollment_state]": "active",
    }
    assert with_section.startswith(b"POST /api/v1/courses/5/enrollments HTTP/1.1\r\n")
    assert fields(with_section) == {**enrollment, "enrollment[course_section_id]": "12"}
    assert fields(by_sis) == {**enrollment, "enrollment[user_id]": "sis_user_id:S 1"}
    assert removed.startswith(b"DELETE /api/v1/courses/5/enrollments/91 HTTP/1.1\r\n")
    assert fields(removed) == {"task": "delete"}


def test_each_way_in_for_a_new_user_has_its_own_fields(raw: Raw, connect: Connect) -> None:
    link = "https://canvas.example.org/register/abc"
    server = raw(lambda request: reply({**SOMEBODY, "confirmation_url": link}))
    client, who = connect(server.url), {"name": "Ann", "login": "ann@example.org", "email": "ann@example.org"}
    user = client.create_user(1, **who, ask_link=True)
    assert user.link == link
    assert link not in repr(user)
    client.create_user(1, **who, mail_link=True)
    client.create_user(1, **who, sign_in_id=12)
    client.mail_password_link("ann@example.org")
    asked, mailed, bound, again = server.requests
    plain = {"user[name]": "Ann", "pseudonym[unique_id]": "ann@example.org"}
    assert fields(asked) == plain | {
        "pseudonym[send_confirmation]": "false",
        "communication_channel[type]": "email",
        "communication_channel[address]": "ann@example.org",
        "communication_channel[confirmation_url]": "true",
    }
    assert fields(mailed) == plain | {"pseudonym[send_confirmation]": "true"}
    bind = {"pseudonym[authentication_provider_id]": "12", "user[skip_registration]": "true"}
    assert fields(bound) == plain | bind | {"pseudonym[send_confirmation]": "false"}
    assert again.startswith(b"POST /api/v1/users/reset_password HTTP/1.1\r\n")
    assert fields(again) == {"email": "ann@example.org"}


@pytest.mark.parametrize("link", ["", 7, "javascript:alert(1)", "https://x.org/a b", "https://x.org/" + 2000 * "a"])
def test_a_confirmation_link_that_is_no_address_is_none(raw: Raw, connect: Connect, link: object) -> None:
    server = raw(lambda request: reply({**SOMEBODY, "confirmation_url": link}))
    assert connect(server.url).create_user(1, name="A", login="a@x.org", email="a@x.org", ask_link=True).link is None


def fields(request: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.partition(b"\r\n\r\n")[2].decode()).items()}


def test_every_call_names_the_program_that_calls(raw: Raw, connect: Connect) -> None:
    server = raw(lambda request: reply([] if b"/users?" in request else {**SOMEBODY, **ROW}))
    client = connect(server.url)
    client.myself()
    client.search_users(1, "ann")
    client.enroll(5, 7)
    client.unenroll(5, 91)
    assert len(server.requests) == 4
    for request in server.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert f"User-Agent: ascriptica-canvas/{__version__}" in lines
        assert "Accept: application/json" in lines
        assert [line for line in lines if TOKEN in line] == [f"Authorization: Bearer {TOKEN}"]
        assert TOKEN.encode() not in body
        assert TOKEN not in lines[0]


@pytest.mark.parametrize("wanted", [int, str])
def test_ids_too_large_for_a_float_are_read_exactly(raw: Raw, connect: Connect, wanted: type) -> None:
    number = 2**62 + 1
    row = {
        key: wanted(number) if key == "id" or key.endswith("_id") else value
        for key, value in {**ROW, "name": "x"}.items()
    }
    server = raw(lambda request: reply([row] if b"/users/%d/enrollments" % number in request else row))
    client = connect(server.url)
    read = [
        client.myself().id,
        client.account("self").id,
        client.course(5).id,
        client.section(5, 12).id,
        client.section(5, 12).course_id,
    ]
    for made in (client.enroll(5, number), client.unenroll(5, number), *client.enrollments_of(number)):
        read += [made.id, made.user_id, made.section_id]
    assert read == [number] * len(read)
    assert {type(value) for value in read} == {int}
    assert str(number) in path_of(server.requests[-2])


def test_ids_that_canvas_sends_as_strings_are_read_as_numbers(client: CanvasClient, canvas: Practice) -> None:
    client._line._session.headers["Accept"] = "application/json+canvas-string-ids"
    made = client.enroll(canvas.ids["course.art"], canvas.ids["user.kim"])
    assert made.user_id == canvas.ids["user.kim"]
    assert [row.id for row in client.enrollments_of(made.user_id)] == [made.id]
    assert client.account("self").is_root
