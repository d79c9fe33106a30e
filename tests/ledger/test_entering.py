"""Who can enter: the count of a course's people, against what each of them reads."""

from datetime import timedelta

from ascriptica_plugin.ledger import entering
from ascriptica_plugin.ledger.entering import Entering
from ascriptica_plugin.tables.office import Course, Registration
from ascriptica_plugin.web.canvas_access import canvas_access

from ..office_at_work import connection_of, many, policy
from ..pages import all_of


def standing(office, *courses: Course) -> list[Entering]:
    office.session.expire_all()
    found = entering.of_courses(office.session, connection_of(office), [course.id for course in courses], office.now)
    for course in courses:
        theirs = [one for one in all_of(office.app, Registration) if one.course_id == course.id]
        with office.app.test_request_context():
            said = canvas_access(theirs).values()
        assert found[course.id].can_enter == sum(one.tone == "settled" for one in said), "what each of them reads"
    return [found[course.id] for course in courses]


def test_everybody_registered_is_counted_once_with_what_keeps_them_out(office, canvas):
    art, bio, none = office.course("ART", "art"), office.course("BIO", "bio"), office.course("NONE")
    many(office, art, 3)
    office.register(none)
    assert standing(office, art, bio, none) == [
        Entering(3, 0, {"on_the_way": 3}),
        Entering(),
        Entering(1, 0, {"no_canvas_course": 1}),
    ]
    office.deliver()
    assert standing(office, art) == [Entering(3, 3)]
    # A row that a hand deletes lets nobody in, whatever is decided about it.
    row = next(row for login, _, row, _, _ in canvas.rows() if login == "p1@example.org")
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{row}", task="delete")
    office.recheck("art")
    office.deliver()
    assert standing(office, art) == [Entering(3, 2, {"changed_in_canvas": 1})]


def test_a_course_that_is_shut_lets_nobody_in(office):
    art = office.course("ART", "art")
    many(office, art, 2)
    office.deliver()
    art.association.published = False
    office.session.commit()
    assert standing(office, art) == [Entering(2, 0, {"course_unpublished": 2})]
    art.association.published, art.association.concluded = True, True
    office.session.commit()
    assert standing(office, art) == [Entering(2, 0, {"course_concluded": 2})]
    art.association.concluded, art.association.opens_at = False, office.now + timedelta(days=1)
    office.session.commit()
    assert standing(office, art) == [Entering(2, 0, {"outside_dates": 2})]
    art.association.opens_at, art.association.closes_at = office.now, office.now + timedelta(days=1)
    office.session.commit()
    assert standing(office, art) == [Entering(2, 2)]


def test_a_person_about_whom_two_things_are_open_is_counted_once(office, canvas):
    """Somebody has a place that never got into Canvas, and it is asked who they are there."""
    twice = {"name": "Kim", "email": "kim@example.org"}
    canvas.seed(users={"one": twice | {"login": "one"}, "two": twice | {"login": "two"}}, courses={"art": {}})
    office.connect()
    art = office.course("ART", "art")
    office.register(art, "kim")
    many(office, art, 1)
    office.deliver()
    assert standing(office, art) == [Entering(2, 1, {"who_is_it": 1})]


def test_a_person_who_is_invited_or_waits_is_not_in(office, canvas):
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    policy(office, by_invitation=True)
    many(office, art, 1)
    office.deliver()
    assert standing(office, art) == [Entering(1, 0, {"invited": 1})]
    policy(office, by_invitation=False)
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    many(office, bio, 2)
    office.deliver()
    assert standing(office, art, bio)[1] == Entering(2, 0, {"permission_missing": 2})
    canvas.options(permissions=None, token="revoked")
    many(office, office.course("LATE", "art"), 2, start=5)
    office.deliver()
    late = all_of(office.app, Course)[-1]
    assert standing(office, late) == [Entering(2, 0, {"token_dead": 2})]


def test_people_who_move_are_counted_by_their_new_place(office, canvas):
    art = office.course("ART", "art")
    many(office, art, 2)
    office.deliver()
    office.associate(art, "bio")
    assert standing(office, art) == [Entering(2, 0, {"on_the_way": 2})]
    office.settle()
    assert standing(office, art) == [Entering(2, 2)]
    assert canvas.who_is_in("bio") == {"p0@example.org", "p1@example.org"}


def test_people_seen_before_a_restore_are_not_counted_as_in(office):
    art = office.course("ART", "art")
    many(office, art, 2)
    office.deliver()
    connection_of(office).restored_at = office.now + timedelta(seconds=1)
    office.session.commit()
    assert standing(office, art) == [Entering(2, 0, {"canvas_restored": 2})]
