"""Undo, on the page after an administrator's act on one person."""

import re

import pytest

from ascriptica_plugin.office import people, registrations
from ascriptica_plugin.tables.office import Course, LogEntry, Participant, Registration

from ...office_at_work import someone, wait_for
from ...pages import all_of, words

ADMIN = "boss@example.org"


def undo_on(page) -> str | None:
    found = re.search(r'action="(/tools/undo/\d+)"', page.text)
    return found[1] if found else None


def register(admin, name: str = "kim"):
    form = {"name": name.title(), "email": f"{name}@example.org", "sis_user_id": ""}
    return admin.post("/tools/courses/ART", data=form, follow_redirects=True)


def withdraw(admin, registration_id: int):
    return admin.post(f"/tools/courses/ART/withdraw/{registration_id}", follow_redirects=True)


def states(here) -> list[tuple[int, str]]:
    return [(one.id, one.status) for one in all_of(here.app, Registration)]


def test_registering_somebody_is_undone_and_logged(here, admin):
    here.course("ART")
    button = undo_on(register(admin))
    page = admin.post(button, follow_redirects=True)
    assert "The registration of Kim for ART here is undone." in words(page)
    assert states(here) == [(1, "withdrawn")]
    assert [one.what for one in all_of(here.app, LogEntry)][-2:] == ["undid", "withdrew"]
    assert undo_on(page) is None
    # Undone once, it stays so.
    register(admin)
    assert "can't be undone any more" in words(admin.post(button, follow_redirects=True))
    assert states(here) == [(1, "withdrawn"), (2, "registered")]


def test_a_withdrawal_gives_the_same_registration_and_enrollment_back(office, admin, canvas):
    office.course("ART", "art")
    register(admin)
    office.deliver()
    [row] = canvas.rows()
    page = withdraw(admin, 1)
    office.deliver()
    assert canvas.who_is_in("art") == set()
    admin.post(undo_on(page))
    office.deliver()
    assert states(office) == [(1, "registered")]
    assert [one[2] for one in canvas.rows()] == [row[2]]
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_nothing_is_offered_that_would_be_refused(here, admin):
    """Whoever waited has moved up by the time when the page is shown."""
    course = here.course("ART", capacity=1)
    register(admin)
    wait_for(here, course, "lou")
    assert undo_on(withdraw(admin, 1)) is None
    assert undo_on(admin.get("/tools/participants/1")) is None
    withdraw(admin, 2)
    assert undo_on(admin.get("/tools/participants/1")) is not None


@pytest.mark.parametrize("who", ["kim", "lou"])
def test_nothing_is_offered_in_a_course_that_has_ended(here, admin, who):
    course = here.course("ART", capacity=1)
    register(admin)
    wait_for(here, course, "lou")
    number = 1 if who == "kim" else 2
    withdraw(admin, 2)
    if who == "kim":
        withdraw(admin, 1)
    assert undo_on(admin.get(f"/tools/participants/{number}")) is not None
    course.ends_at = here.now
    here.session.commit()
    assert undo_on(admin.get(f"/tools/participants/{number}")) is None


def test_a_place_that_somebody_else_got_meanwhile_stays_theirs(here, admin):
    here.course("ART", capacity=1)
    register(admin)
    page = withdraw(admin, 1)
    register(admin, "lou")
    answer = admin.post(undo_on(page), follow_redirects=True)
    assert "The place of Kim in ART here has gone to somebody else." in words(answer)
    assert states(here) == [(1, "withdrawn"), (2, "registered")]


def test_a_person_who_was_taken_off_the_waitlist_has_their_position_again(here, admin):
    here.course("ART", capacity=1)
    for name in ("kim", "lou", "max"):
        register(admin, name)
    page = withdraw(admin, 2)
    admin.post(undo_on(page))
    assert states(here) == [(1, "registered"), (2, "waitlisted"), (3, "waitlisted")]
    withdraw(admin, 1)
    assert states(here) == [(1, "withdrawn"), (2, "registered"), (3, "waitlisted")]


def test_undoing_a_correction_restores_the_former_values(here, admin):
    here.course("ART")
    register(admin)
    form = {"name": "Kim Lee", "email": "kim.lee@example.org", "sis_user_id": "S-7"}
    page = admin.post("/tools/participants/1", data=form, follow_redirects=True)
    page = admin.post(undo_on(page), follow_redirects=True)
    assert "The correction of Kim is undone." in words(page)
    [kim] = all_of(here.app, Participant)
    assert (kim.name, kim.email, kim.sis_user_id) == ("Kim", "kim@example.org", None)


@pytest.mark.parametrize("what", ["corrected", "withdrew", "another administrator"])
def test_an_undo_is_neither_offered_nor_possible_after_another_act(here, admin, what):
    here.course("ART")
    page = register(admin)
    address, button = page.request.full_path, undo_on(page)
    [kim], [art] = here.session.query(Participant).all(), here.session.query(Course).all()
    if what == "corrected":
        people.correct(here.session, kim, here.now, ADMIN, name="Kim Lee")
    elif what == "withdrew":
        registrations.withdraw(here.session, art, kim, here.now)
    else:
        people.correct(here.session, kim, here.now, "other@example.org", name="Kim Lee")
    here.session.commit()
    before = states(here)
    assert undo_on(admin.get(address)) is None
    assert "can't be undone any more" in words(admin.post(button, follow_redirects=True))
    assert states(here) == before


def test_undo_is_offered_on_the_participants_page_until_something_else_happens(here, admin):
    art = here.course("ART")
    register(admin)
    page = admin.get("/tools/participants/1")
    assert "Boss registered Kim for ART here" in words(page)
    assert undo_on(page)
    assert undo_on(admin.get("/tools/courses/ART")) is None
    [kim] = here.session.query(Participant).all()
    registrations.withdraw(here.session, art, kim, here.now)
    here.session.commit()
    assert undo_on(admin.get("/tools/participants/1")) is None


def test_undo_is_not_offered_for_an_act_of_somebody_else(here, admin):
    registrations.register(here.session, here.course("ART"), someone("ina"), here.now, "other@example.org")
    here.session.commit()
    [entry] = all_of(here.app, LogEntry)
    assert undo_on(admin.get(f"/tools/courses/ART?done={entry.id}")) is None
    assert "can't be undone any more" in words(admin.post(f"/tools/undo/{entry.id}", follow_redirects=True))
    for odd in ("x", "0", "99999999999", "٣", "-1"):
        assert undo_on(admin.get("/tools/courses/ART", query_string={"done": odd})) is None


def test_an_undo_on_a_person_s_page_leads_back_there(here, admin):
    """Without it, an act on one course leads to the roster, where it was done."""
    here.course("ART", capacity=1)
    for name in ("kim", "lou"):
        register(admin, name)
    withdraw(admin, 2)
    answer = admin.post(undo_on(admin.get("/tools/participants/2")), data={"on": "participant"})
    assert answer.location == "/tools/participants/2"
    assert "Lou is on the waitlist for ART here again." in words(admin.get(answer.location))
    assert 'name="on" value="participant"' in register_again(admin)
    page = withdraw(admin, 1)
    assert 'name="on"' not in page.text


def register_again(admin) -> str:
    """The page of a person for whom something can be undone."""
    register(admin, "max")
    return admin.get("/tools/participants/3").text
