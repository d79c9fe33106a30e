"""Odd things that Canvas does, and that the office lives through without noticing."""

from ascriptica_plugin.canvas import addresses

from ..office_at_work import wait_for


def test_people_with_ids_of_another_shard_are_enrolled_and_removed(office, canvas):
    """Users and enrollments of a consortium's Canvas have ids above 2^53."""
    canvas.options(next_id=10_001_000_000_000_007)
    art = office.course("ART", "art")
    office.register(art, "new")
    office.deliver()
    assert office.status()["seats"]["enrolled"] == 1
    assert office.seats()[0].canvas_enrollment_id > 2**53
    office.withdraw(art, "new")
    office.settle()
    assert canvas.who_is_in("art") == set()


def test_the_short_form_of_a_course_of_another_shard_can_be_pasted():
    assert addresses.canvas_course("https://u.instructure.com/courses/1000~56", "https://u.instructure.com/api/v1")


def test_a_person_who_rejected_an_invitation_comes_back_by_registering_again(office, canvas):
    """The enrollment that they rejected is revived."""
    art = office.course("ART", "art")
    office.register(art, "kim", sis_user_id="K-100")
    office.deliver()
    [(_, _, row_id, _, _)] = canvas.rows()
    canvas.change_state(row_id, "rejected")
    office.withdraw(art, "kim", sis_user_id="K-100")
    office.settle()
    office.register(art, "kim", sis_user_id="K-100")
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_an_observer_enrollment_of_the_same_person_is_left_alone(office, canvas):
    """We ask for, and end, enrollments as a student."""
    canvas.by_hand("kim", "art", type="ObserverEnrollment")
    art = office.course("ART", "art")
    office.register(art, "kim", sis_user_id="K-100")
    office.settle()
    office.withdraw(art, "kim", sis_user_id="K-100")
    office.settle()
    assert [(kind, state) for _, _, _, kind, state in canvas.rows()] == [("Observer", "active"), ("Student", "deleted")]


def test_people_on_the_waitlist_move_up_in_order_also_in_canvas(office, canvas):
    """The waitlist reaches Canvas too: who moves up is in, who left is out."""
    art = office.course("ART", "art", capacity=2)
    for who in ("a", "b"):
        office.register(art, who)
    wait_for(office, art, "c", "d", "e")
    office.withdraw(art, "a")
    office.withdraw(art, "d")
    office.withdraw(art, "b")
    office.settle()
    assert canvas.who_is_in("art") == {"c@example.org", "e@example.org"}


def test_a_person_whose_login_changed_in_canvas_is_enrolled(office, canvas):
    """Lou's login is another one, and the old one leads to nobody."""
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    office.register(art, "lou")
    office.deliver()
    [login] = canvas.hand("GET", f"users/{canvas.ids['user.lou']}/logins")
    canvas.hand("PUT", f"accounts/self/logins/{login['id']}", **{"login[unique_id]": "lou.married"})
    office.register(bio, "lou")
    office.settle()
    assert canvas.who_is_in("bio") == {"lou.married"}
