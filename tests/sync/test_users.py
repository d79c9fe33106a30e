"""Who is who, and what the office's settings make of it: choices, policies, names that follow."""

import pytest

from ascriptica_plugin.tables.canvas import CanvasUser, load_settings
from ascriptica_plugin.tables.office import LogEntry, Participant

from ..conftest import Office, sign_in
from ..sync.test_walks import enroll_by_hand, posts
from ..web.test_pages import words


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


def policy(office: Office, **values) -> None:
    settings = load_settings(office.session)
    for name, value in values.items():
        setattr(settings, name, value)
    office.session.commit()


# -- several possible users -------------------------------------------------------------------------------------------


@pytest.fixture
def two_kims(office, canvas) -> Office:
    canvas.seed(
        users={
            "one": {"name": "Kim One", "login": "kim@example.org", "sis_user_id": "S-1"},
            "two": {"name": "Kim Two", "login": "two", "email": "kim@example.org"},
        },
        courses={"art": {"name": "Art"}, "bio": {"name": "Biology"}},
    )
    office.connect()
    office.register(office.course("ART", "art"))
    office.deliver()
    return office


def test_candidates_are_shown_side_by_side_and_the_choice_is_kept(two_kims, admin, canvas):
    page = admin.get("/tools/canvas").text
    assert "Kim One" in page
    assert "Kim Two" in page
    assert "S-1" in page
    [seat] = two_kims.seats()
    answer = {"canvas_user_id": str(canvas.ids["user.two"])}
    assert "is being enrolled" in words(
        admin.post(f"/tools/canvas/{seat.id}/choose", data=answer, follow_redirects=True)
    )
    two_kims.deliver()
    assert canvas.roster("art") == {"two": "active"}
    two_kims.register(two_kims.course("BIO", "bio"))
    assert len(two_kims.deliver()) == 1
    assert canvas.roster("bio") == {"two": "active"}


def test_none_of_them_is_a_new_user_with_another_login(two_kims, admin, canvas):
    [seat] = two_kims.seats()
    admin.post(f"/tools/canvas/{seat.id}/choose", data={"new_login": "kim.three"})
    two_kims.deliver()
    assert canvas.roster("art") == {"kim.three": "active"}


def test_a_login_that_is_taken_is_asked_again(two_kims, admin, canvas):
    [seat] = two_kims.seats()
    admin.post(f"/tools/canvas/{seat.id}/choose", data={"new_login": "TWO"})
    two_kims.deliver()
    assert [seat.cause for seat in two_kims.seats()] == ["who_is_it"]
    assert "Choose another login" in two_kims.seats()[0].cause_detail


def test_an_answer_that_nobody_asks_for_any_more_changes_nothing(two_kims, admin, canvas):
    """A colleague has answered meanwhile, or nobody ever asked."""
    [seat] = two_kims.seats()
    admin.post(f"/tools/canvas/{seat.id}/choose", data={"canvas_user_id": str(canvas.ids["user.two"])})
    two_kims.register(two_kims.course("BIO", "bio"), "lou")
    for late in two_kims.seats():
        answer = admin.post(f"/tools/canvas/{late.id}/choose", data={"new_login": "late"}, follow_redirects=True)
        assert "is known by now. Nothing was changed." in words(answer)
    two_kims.deliver()
    two_kims.register(two_kims.course("CHE", "bio"))
    two_kims.deliver()
    assert canvas.roster("art") == {"two": "active"}
    assert canvas.roster("bio") == {"lou@example.org": "active", "two": "active"}


@pytest.mark.parametrize("answer", [{}, {"canvas_user_id": "1"}, {"canvas_user_id": "x"}])
def test_only_what_was_shown_can_be_chosen(two_kims, admin, canvas, answer):
    [seat] = two_kims.seats()
    assert "Choose" in words(admin.post(f"/tools/canvas/{seat.id}/choose", data=answer, follow_redirects=True))
    two_kims.deliver()
    assert canvas.roster("art") == {}


# -- found there ------------------------------------------------------------------------------------------------------


@pytest.fixture
def was_there(office, canvas) -> Office:
    canvas.options(clock_offset_seconds=-3600)
    enroll_by_hand(canvas, "kim", "art")
    canvas.options(clock_offset_seconds=0)
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    return office


@pytest.mark.parametrize(("answer", "state"), [("keep", "active"), ("remove", "deleted")])
def test_an_enrollment_from_before_stays_or_goes_as_the_office_says(was_there, admin, canvas, answer, state):
    [seat] = was_there.seats()
    admin.post(f"/tools/canvas/{seat.id}/decide", data={"answer": answer})
    was_there.deliver()
    assert canvas.roster("art") == {"kim@example.org": state}
    assert was_there.status()["seats"]["held"] == 0


def test_only_such_an_enrollment_is_decided(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.deliver()
    [seat] = office.seats()
    admin.post(f"/tools/canvas/{seat.id}/decide", data={"answer": "remove"})
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert admin.post("/tools/canvas/999/decide", data={"answer": "keep"}).status_code == 404


# -- what the settings say --------------------------------------------------------------------------------------------


def test_without_creating_people_wait_until_canvas_knows_them(office, canvas):
    policy(office, create_users=False)
    office.register(office.course("ART", "art"), "new")
    assert posts(office.deliver()) == []
    assert [seat.cause for seat in office.seats()] == ["no_account"]
    where = f"{canvas.api}/accounts/{canvas.ids['account.root']}/users"
    canvas.admin.post(where, data={"pseudonym[unique_id]": "new@example.org"}, timeout=10)
    office.later(minutes=16)
    office.deliver()
    assert canvas.roster("art") == {"new@example.org": "active"}


def test_letting_us_create_releases_who_waited_for_it(office, admin, canvas):
    policy(office, create_users=False)
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    form = {"display_canvas": "y", "canvas_url": canvas.api, "canvas_root_id": str(canvas.ids["account.root"])}
    admin.post("/tools/settings/course-settings", data=form | {"missing_users": "create"})
    office.deliver()
    assert canvas.roster("art") == {"new@example.org": "active"}


def test_a_form_without_the_policies_leaves_them_as_they_are(office, admin, canvas):
    policy(office, create_users=False, on_withdrawal="conclude")
    form = {"display_canvas": "y", "canvas_url": canvas.api, "canvas_root_id": str(canvas.ids["account.root"])}
    admin.post("/tools/settings/course-settings", data=form)
    office.session.expire_all()
    settings = load_settings(office.session)
    assert (settings.create_users, settings.on_withdrawal) == (False, "conclude")


def test_by_invitation_and_with_canvas_s_mail(office, canvas):
    policy(office, by_invitation=True, canvas_mail=True)
    office.register(office.course("ART", "art"))
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "invited"}
    assert canvas.read("seed")["mails"] == 1
    assert office.status()["seats"]["enrolled"] == 1


@pytest.mark.parametrize(
    ("task", "state"), [("delete", "deleted"), ("deactivate", "inactive"), ("conclude", "completed")]
)
@pytest.mark.parametrize("of_the_course", [True, False])
def test_a_withdrawal_deletes_deactivates_or_concludes_and_coming_back_reactivates(
    office, canvas, task, state, of_the_course
):
    policy(office, on_withdrawal="delete" if of_the_course else task)
    course = office.course("ART", "art", on_withdrawal=task if of_the_course else None)
    office.register(course)
    office.deliver()
    [first] = [seat.canvas_enrollment_id for seat in office.seats()]
    office.withdraw(course)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": state}
    office.register(course)
    office.deliver()
    assert canvas.roster("art") == {"kim@example.org": "active"}
    assert [seat.canvas_enrollment_id for seat in office.seats()] == [first]


# -- names that follow ------------------------------------------------------------------------------------------------


def rename(office: Office, name: str) -> None:
    participant = office.session.query(Participant).one()
    participant.name = name
    office.session.commit()


def name_in_canvas(canvas, login: str) -> str:
    where = f"{canvas.api}/users/sis_login_id:{login}"
    return canvas.admin.get(where, timeout=10).json()["name"]


def test_a_canvas_user_that_we_created_follows_a_changed_name(office, canvas):
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    rename(office, "Nora Newer")
    office.deliver()
    assert name_in_canvas(canvas, "new@example.org") == "Nora Newer"
    canvas.calls()
    assert office.deliver() == []


def test_one_that_was_there_is_left_alone(office, canvas):
    office.register(office.course("ART", "art"), "kim")
    office.deliver()
    rename(office, "Somebody Else")
    assert office.deliver() == []
    assert name_in_canvas(canvas, "kim@example.org") == "Kim Lee"


def test_what_could_not_follow_is_told_and_tried_again(office, canvas):
    office.register(office.course("ART", "art"), "new")
    office.deliver()
    rename(office, "Nora Newer")
    canvas.faults({"match": "PUT /users/", "times": 1, "fault": "denied", "when": "before"})
    office.deliver()
    assert office.session.query(CanvasUser).one().follow_problem
    office.later(minutes=16)
    office.deliver()
    assert name_in_canvas(canvas, "new@example.org") == "Nora Newer"


# -- the log ----------------------------------------------------------------------------------------------------------


def test_every_change_is_in_the_log_and_no_secret(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    entries = office.session.query(LogEntry).order_by(LogEntry.id).all()
    assert [(entry.who, entry.what) for entry in entries] == [
        ("kim@example.org", "registered"),
        ("Ascriptica", "enrolled in Canvas"),
        ("kim@example.org", "withdrew"),
        ("Ascriptica", "ended in Canvas"),
    ]
    assert canvas.token not in "".join(entry.words for entry in entries)
