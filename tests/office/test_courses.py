"""What happens to a whole course: it is saved, associated, cancelled, also while people register."""

import io
from collections import Counter

import pytest
from sqlalchemy import func, select

from ascriptica_plugin.office import cancelling, courses
from ascriptica_plugin.office.courses import associate
from ascriptica_plugin.tables.ledger import Claim, Seat
from ascriptica_plugin.tables.office import Association, Course, LogEntry

from ..office_at_work import Office, sign_in
from .at_once import at_once, join, joining, registering, standings, withdrawing


@pytest.fixture
def admin(app, client):
    sign_in(client, app, "boss@example.org", admin=True)
    return client


def by_page(client, **facts) -> None:
    facts = {"code": "ART", "title": "Art"} | facts
    exists = client.get("/tools/courses/ART").status_code == 200
    answer = client.post(f"/tools/courses/{'ART/edit' if exists else 'new'}", data=facts)
    assert answer.status_code == 302


def by_import(client, **facts) -> None:
    facts = {"code": "ART", "title": "Art"} | facts
    data = f"{','.join(facts)}\n{','.join(facts.values())}\n"
    answer = client.post("/tools/import", data={"kind": "courses", "file": (io.BytesIO(data.encode()), "f.csv")})
    assert answer.status_code == 302


def logged(office: Office) -> list[tuple[str, str, str]]:
    """Who, what, and the words."""
    office.session.expire_all()
    entries = office.session.scalars(select(LogEntry).order_by(LogEntry.id))
    return [
        (entry.who, entry.what, entry.words.removesuffix(" (by import)"))
        for entry in entries
        if entry.what != "imported"
    ]


@pytest.mark.parametrize("save", [by_page, by_import])
def test_the_activity_log_says_what_changed_in_a_course(office, admin, canvas, save):
    canvas_course = str(canvas.ids["course.art"])
    save(admin, capacity="10")
    save(admin, capacity="10")
    save(admin, title="Art & craft", capacity="12", canvas_course=canvas_course)
    assert logged(office) == [
        ("boss@example.org", "made a course", "code: ART; title: Art; places: 10"),
        (
            "boss@example.org",
            "changed a course",
            f"title: Art → Art & craft; places: 10 → 12; Canvas course: {canvas_course}",
        ),
    ]


def test_the_activity_log_shows_times_and_values_that_were_removed(office, admin, canvas):
    shown = {"canvas_course": str(canvas.ids["course.art"])}
    by_page(admin, description="Long\n" * 100, starts_at="2030-05-04T13:00", **shown)
    by_page(admin, starts_at="", canvas_course="", canvas_shown=f"{shown['canvas_course']}|")
    [made, changed] = [words for _, _, words in logged(office)]
    assert "starts: 2030-05-04 13:00 UTC" in made
    assert len(made) < 300
    assert "starts: 2030-05-04 13:00 UTC → none" in changed
    assert f"Canvas course: {shown['canvas_course']} → none" in changed


def test_nothing_of_the_old_canvas_course_stays_with_one_that_is_not_looked_up_yet(office):
    course = office.course("ART", "art")
    office.session.get(Association, course.id).concluded = True
    office.session.commit()
    courses.associate(office.session, course, Association(connection_id=1, canvas_course="7"), office.now)
    office.session.commit()
    its = office.session.get(Association, course.id, populate_existing=True)
    assert (its.canvas_course, its.canvas_course_id, its.canvas_course_name, its.concluded) == ("7", None, "", False)


def test_cancelling_beside_registering_leaves_nobody_in(here):
    course = here.course(capacity=3)
    course_id = course.id
    join(here, course, *(f"p{n}" for n in range(5)))
    here.session.commit()

    def cancel(session):
        cancelling.cancel(session, session.get(Course, course_id), here.now, "boss@example.org")

    actions = [joining(course_id, f"n{n}", here.now) for n in range(4)]
    actions += [withdrawing(course_id, f"p{n}", here.now) for n in range(2)]
    assert "done" in at_once(here, [cancel, *actions])
    assert standings(here.session, course) == {}
    assert (course.places_taken, course.cancelled_at is not None) == (0, True)


def test_a_person_who_registers_while_the_association_moves_has_exactly_the_new_seat(office, canvas):
    course = office.course("ART", "art")
    course_id = course.id
    bio = canvas.ids["course.bio"]
    for who in ("a", "b", "c"):
        office.register(course, who)

    def move(session):
        made = Association(connection_id=1, canvas_course=str(bio), canvas_course_id=bio, canvas_course_name="Biology")
        associate(session, session.get(Course, course_id), made, office.now)

    assert set(at_once(office, [move, *(registering(course_id, f"p{n}", office.now) for n in range(8))])) == {"done"}
    newest = select(func.max(Claim.id)).where(Claim.ended_at.is_(None)).group_by(Claim.registration_id)
    places = office.session.scalars(
        select(Seat.canvas_course_id).join(Claim, Claim.seat_id == Seat.id).where(Claim.id.in_(newest))
    )
    assert Counter(places) == {bio: 11}
    office.deliver()
    assert Counter(canvas.roster("bio").values()) == {"active": 11}
    assert "active" not in canvas.roster("art").values()
