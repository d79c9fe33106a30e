"""An administrator moves one person to another course."""

import re

import pytest

from ascriptica_plugin.office import registrations
from ascriptica_plugin.tables.office import LogEntry, Participant, Registration

from ...office_at_work import Office, statuses, wait_for
from ...pages import all_of, words
from .test_undoing import undo_on

MOVE = "/tools/courses/ART/move/1"


def states(office: Office) -> list[tuple[int, str]]:
    """Course and status of each registration, in the order they were made."""
    return [(one.course_id, one.status) for one in sorted(all_of(office.app, Registration), key=lambda one: one.id)]


def test_somebody_is_moved_in_canvas_and_back(office, admin, canvas):
    office.register(office.course("ART", "art"))
    office.course("BIO", "bio")
    office.deliver()
    before = canvas.rows()
    assert f'href="{MOVE}"' in admin.get("/tools/courses/ART").text
    assert f'href="{MOVE}"' in admin.get("/tools/participants/1").text
    assert f'href="{MOVE}?to=BIO"' in admin.get(MOVE).text
    asked = words(admin.get(f"{MOVE}?to=BIO"))
    assert "Move Kim to BIO here?" in asked
    assert "Kim will be registered for BIO here (BIO). Kim will be withdrawn from ART here (ART)." in asked
    assert "enrolled in the new course first. The enrollment in the old one is deleted." in asked
    assert canvas.who_is_in("art") == {"kim@example.org"}
    page = admin.post(MOVE, data={"to": "BIO"}, follow_redirects=True)
    assert "Kim is moved from ART here to BIO here." in words(page)
    office.deliver()
    assert (canvas.who_is_in("art"), canvas.who_is_in("bio")) == (set(), {"kim@example.org"})
    page = admin.post(undo_on(page), follow_redirects=True)
    assert "The move of Kim to BIO here is undone." in words(page)
    office.deliver()
    assert (canvas.who_is_in("art"), canvas.who_is_in("bio")) == ({"kim@example.org"}, set())
    assert [row for row in canvas.rows() if row[2] == before[0][2]] == before
    assert states(office) == [(1, "registered"), (2, "withdrawn")]


def test_a_course_that_nobody_can_enter_in_canvas_yet_is_named_as_such(office, admin):
    office.register(office.course("ART", "art"))
    bio = office.course("BIO", "bio")
    for published in (True, False):
        bio.association.published = published
        office.session.commit()
        asked = words(admin.get(f"{MOVE}?to=BIO"))
        assert ("Its Canvas course is not published: nobody can enter it" in asked) is not published


def test_the_page_offers_the_courses_that_take_people(here, admin):
    art = here.course("ART")
    here.register(art)
    here.register(here.course("HAS"))
    for code in ("BIO", "FULL", "OVER", "GONE"):
        here.course(code, **{"FULL": {"capacity": 0}, "OVER": {"ends_at": here.now}}.get(code, {}))
    admin.post("/tools/courses/GONE/cancel", data={})
    page = admin.get(MOVE)
    assert re.findall(r'/move/1\?to=(\w+)"', page.text) == ["BIO"]
    assert "FULL · Full" in words(page)
    assert "No other course that takes people matches “zzz”." in words(admin.get(f"{MOVE}?q=zzz"))
    for code in ("FULL", "OVER", "GONE"):
        assert "Nobody can be moved there." in words(admin.get(f"{MOVE}?to={code}"))
    assert admin.get(f"{MOVE}?to=NONE").status_code == 404


@pytest.mark.parametrize(
    ("to", "says"),
    [
        ("FULL", "FULL here is full."),
        ("HAS", "Kim is already registered for HAS here."),
        ("ART", "Kim is in ART here already. Choose another course."),
    ],
)
def test_a_move_that_is_not_possible_changes_nothing(here, admin, to, says):
    here.register(here.course("ART"))
    here.register(here.course("HAS"))
    here.course("FULL", capacity=0)
    before = states(here)
    assert says in words(admin.post(MOVE, data={"to": to}, follow_redirects=True))
    assert states(here) == before


def test_a_move_is_not_undone_once_a_waiting_person_has_the_place(here, admin):
    art = here.course("ART", capacity=1)
    here.course("BIO")
    here.register(art)
    wait_for(here, art, "lou")
    assert "The place goes to the first of 1 person on the waitlist" in words(admin.get(f"{MOVE}?to=BIO"))
    page = admin.post(MOVE, data={"to": "BIO"}, follow_redirects=True)
    assert undo_on(page) is None
    [act] = [entry.id for entry in all_of(here.app, LogEntry) if entry.what == "moved"]
    answer = admin.post(f"/tools/undo/{act}", follow_redirects=True)
    assert "The place of Kim in ART here has gone to somebody else." in words(answer)
    assert states(here) == [(1, "withdrawn"), (1, "registered"), (2, "registered")]


def test_a_waiting_person_can_be_moved_and_has_their_position_again_after_an_undo(here, admin):
    art = here.course("ART", capacity=1)
    here.course("BIO")
    here.register(art, "max")
    wait_for(here, art, "kim", "lou")
    page = admin.post("/tools/courses/ART/move/2", data={"to": "BIO"}, follow_redirects=True)
    assert statuses(here)["lou@example.org"] == "waitlisted"
    admin.post(undo_on(page))
    assert states(here) == [(1, "registered"), (1, "waitlisted"), (1, "waitlisted"), (2, "withdrawn")]


def test_a_move_can_t_be_undone_after_another_act(here, admin):
    here.register(here.course("ART"))
    bio = here.course("BIO")
    page = admin.post(MOVE, data={"to": "BIO"}, follow_redirects=True)
    [kim] = here.session.query(Participant).all()
    registrations.withdraw(here.session, bio, kim, here.now)
    here.session.commit()
    assert "can't be undone any more" in words(admin.post(undo_on(page), follow_redirects=True))
    assert states(here) == [(1, "withdrawn"), (2, "withdrawn")]


def test_the_log_has_one_line_for_a_move(here, admin):
    here.register(here.course("ART"))
    here.course("BIO")
    admin.post(MOVE, data={"to": "BIO"})
    for address in ("/tools/log", "/tools/log?whom=kim", "/tools/log?course=BIO"):
        page = words(admin.get(address))
        assert "moved Kim to BIO here From ART here (ART)." in page
        assert "withdrew" not in page
    assert "withdrew Kim from ART here" in words(admin.get("/tools/log?course=ART"))


def test_a_person_who_has_withdrawn_can_t_be_moved(here, admin):
    art = here.course("ART")
    here.register(art)
    here.withdraw(art)
    here.course("BIO")
    assert admin.get(MOVE).location == "/tools/courses/ART"
    assert "Kim is not registered for ART here." in words(admin.post(MOVE, data={"to": "BIO"}, follow_redirects=True))
