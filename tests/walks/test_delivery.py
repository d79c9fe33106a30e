"""Nobody whom we did not enroll is removed, nobody is left in or lost, and nobody reads otherwise.

The scenes are what teachers, restored backups and lost answers do to a place between registering and withdrawing. The
numbers in the comments are those of the review that found them.
"""

import pytest
from sqlalchemy import select

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import Unreachable
from ascriptica_plugin.ledger import due
from ascriptica_plugin.office import erasing
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.office import Participant

from ..office_at_work import connection_of, policy
from ..practice_canvas import Practice

KIM = {"who": "kim", "sis_user_id": "K-100"}
IN = "You are in the Canvas course."


def end_by_hand(canvas: Practice, course: str, row_id: int) -> None:
    canvas.hand("DELETE", f"courses/{canvas.ids[f'course.{course}']}/enrollments/{row_id}", task="delete")


# -- teachers' hands --------------------------------------------------------------------------------------------------


def test_a_person_removed_by_hand_can_be_put_back(office, canvas):
    """The office has the course read, and answers that Kim is to be in."""  # D14, by hand
    art = office.course("ART", "art")
    registration = office.register(art, **KIM)
    office.deliver()
    [seat] = office.seats()
    end_by_hand(canvas, "art", seat.canvas_enrollment_id)
    office.recheck("art")
    office.deliver()
    due.try_again(office.session, connection_of(office), office.now, Seat.id == seat.id)
    office.session.commit()
    office.deliver()
    assert canvas.who_is_in("art") == set(), "we fight what a hand in Canvas did"
    office.put_back()
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}, office.sentence(registration)


def test_a_withdrawal_after_the_section_was_crosslisted_takes_the_person_out(office, canvas):
    """The section, and its enrollments, belong to another course from now on."""  # D3
    art = office.course("ART", "art")
    registration = office.register(art, **KIM)
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    canvas.hand("POST", f"sections/{row['section_id']}/crosslist/{canvas.ids['course.bio']}")
    assert canvas.who_is_in("bio") == {"kim@example.org"}
    office.withdraw(art, **KIM)
    office.settle()
    assert canvas.who_is_in("bio") == set(), f"still in; the person reads: {office.sentence(registration)!r}"


def test_somebody_moved_to_another_section_by_a_teacher_is_not_shown_as_out_after_withdrawing(office, canvas):
    """Canvas makes an enrollment there and deletes ours."""  # D4
    art = office.course("ART", "art")
    registration = office.register(art, **KIM)
    office.deliver()
    [seat] = office.seats()
    canvas.by_hand("kim", "art", course_section_id=canvas.ids["section.art.late"])
    end_by_hand(canvas, "art", seat.canvas_enrollment_id)
    office.withdraw(art, **KIM)
    office.settle()
    text = office.sentence(registration)
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert "ended" not in text
    assert "the office decides whether you stay in it" in text


def test_an_enrollment_that_was_there_keeps_what_the_teacher_set(office, canvas):
    """Kim, whom we know from another course, is in by hand, with an end date of their own, and registers."""  # D8
    office.register(office.course("BIO", "bio"), **KIM)
    office.deliver()
    canvas.by_hand_before("kim", "art", end_at="2027-01-31T00:00:00Z", limit_privileges_to_course_section="true")
    office.register(office.course("ART", "art", read=False), **KIM)
    office.settle()
    [row] = canvas.hand("GET", f"courses/{canvas.ids['course.art']}/enrollments")
    assert (row["end_at"], row["limit_privileges_to_course_section"]) == ("2027-01-31T00:00:00Z", True)


@pytest.mark.parametrize("person", [KIM, {"who": "kim"}], ids=["SIS ID", "email"])
def test_a_person_whom_a_teacher_added_before_we_knew_them_keeps_what_was_set(office, canvas, person):
    """The Canvas course is read before anybody is enrolled, and shows somebody whom no participant is: Kim."""
    canvas.by_hand_before("kim", "art", end_at="2027-01-31T00:00:00Z", limit_privileges_to_course_section="true")
    course = office.course("ART", "art", read=False)
    office.deliver()
    office.register(course, **person)
    assert len(office.deliver()) <= 2
    office.later(minutes=5)
    office.register(office.course("BIO", "bio"), **person)
    office.settle()
    [row] = canvas.hand("GET", f"courses/{canvas.ids['course.art']}/enrollments")
    assert (row["end_at"], row["limit_privileges_to_course_section"]) == ("2027-01-31T00:00:00Z", True)


def test_a_person_who_was_added_again_by_hand_and_registers_again_stays(office, canvas):
    """We removed Kim, a teacher added Kim again: what a hand made stays when Kim withdraws.

    Canvas revives the enrollment that we ended; that it was a hand shows in the nightly read, which comes before Kim.
    """
    # D13
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    office.withdraw(art, **KIM)
    office.deliver()
    canvas.by_hand("kim", "art")
    office.later(days=1)
    office.deliver()
    office.register(art, **KIM)
    office.deliver()
    office.withdraw(art, **KIM)
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_a_person_who_is_matched_anew_is_in_all_their_courses(office, canvas):
    """The Canvas user was deleted and made anew, and is found again for the next course, and for the others."""  # D17
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    registration = office.register(art, "lou")
    office.deliver()
    canvas.hand("DELETE", f"accounts/self/users/{canvas.ids['user.lou']}")
    made = {"user[name]": "Lou", "pseudonym[unique_id]": "lou@example.org"}
    canvas.hand("POST", "accounts/self/users", **made)
    office.register(bio, "lou")
    office.settle()
    assert canvas.who_is_in("bio") == {"lou@example.org"}
    assert canvas.who_is_in("art") == {"lou@example.org"}, f"the person reads: {office.sentence(registration)!r}"


# -- a hand while Canvas does not answer us ---------------------------------------------------------------------------


def test_a_person_who_was_added_by_hand_after_an_outage_stays_after_withdrawing(office, canvas, monkeypatch):
    """Nobody listened at Canvas's address, so nothing can have been asked before the teacher added Kim."""  # D5
    art = office.course("ART", "art")
    office.register(art, **KIM)

    def unreachable(*_, **__):
        raise Unreachable("could not be reached")

    with monkeypatch.context() as patch:
        for name in ("enroll", "myself"):
            patch.setattr(CanvasClient, name, unreachable)
        office.deliver()
    canvas.options(clock_offset_seconds=3600)  # an hour later
    canvas.by_hand("kim", "art")
    canvas.options(clock_offset_seconds=3660)
    office.later(minutes=61)
    office.deliver()  # our first request
    office.withdraw(art, **KIM)
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}, "what a hand made was removed"


def test_a_person_who_was_added_by_hand_between_two_tries_stays_after_withdrawing(office, canvas):
    """Canvas refused our request with a 500; an hour later, far past the minutes of doubt, a teacher adds Kim."""  # D6
    art = office.course("ART", "art")
    office.register(art, **KIM)
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "status", "status": 500, "when": "before"})
    office.deliver()
    canvas.options(clock_offset_seconds=3600)
    canvas.by_hand("kim", "art")
    office.later(minutes=61)
    canvas.options(clock_offset_seconds=3660)
    office.deliver()
    office.withdraw(art, **KIM)
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}, "what a hand made was removed"


def test_looking_for_a_lost_enrollment_takes_ours_and_not_the_newest_by_hand(office, canvas):
    """An answer was lost; a teacher adds the person to another section; then the person withdraws."""  # D7
    art = office.course("ART", "art")
    office.register(art, **KIM)
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    office.deliver()
    [(_, _, ours, _, _)] = canvas.rows()
    canvas.options(clock_offset_seconds=600)
    made = canvas.by_hand("kim", "art", course_section_id=canvas.ids["section.art.late"])
    office.withdraw(art, **KIM)
    office.later(minutes=11)
    office.settle()
    states = {row_id: state for _, _, row_id, _, state in canvas.rows()}
    assert states == {ours: "deleted", made["id"]: "active"}, f"ours {ours}, by hand {made['id']}: {states}"


# -- what the participant reads ---------------------------------------------------------------------------------------


def test_an_invited_person_is_not_shown_as_being_in(office, canvas):
    """They have to accept first."""  # D9
    policy(office, by_invitation=True)
    registration = office.register(office.course("ART", "art"), **KIM)
    office.settle()
    assert canvas.roster("art") == {"kim@example.org": "invited"}
    assert office.sentence(registration) != IN


def test_a_person_who_rejected_the_invitation_is_not_shown_as_being_in(office, canvas):
    """This holds also before we have read the rejection."""  # D22
    policy(office, by_invitation=True)
    art = office.course("ART", "art", read=False)
    registration = office.register(art, **KIM)
    office.settle()
    [(_, _, row_id, _, _)] = canvas.rows()
    canvas.change_state(row_id, "rejected")
    assert office.sentence(registration) != IN
    office.settle(rounds=10, minutes=180)
    assert office.sentence(registration) != IN


def test_a_person_who_is_still_in_the_old_place_does_not_read_that_access_ended(office, canvas):
    """Kim was moved, and Canvas let them neither into the new place nor, after withdrawing, out of the old one."""
    # D10
    course = office.course("ART", "art")
    registration = office.register(course, **KIM)
    office.deliver()
    canvas.faults({"match": f"POST /courses/{canvas.ids['course.bio']}/", "times": None, "fault": "denied"})
    office.associate(course, "bio")
    office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    canvas.faults({"match": f"DELETE /courses/{canvas.ids['course.art']}/", "times": None, "fault": "denied"})
    office.withdraw(course, **KIM)
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert "ended" not in office.sentence(registration), office.sentence(registration)


def test_a_person_who_was_concluded_does_not_read_that_access_ended(office, canvas):
    """A concluded person may still read in the Canvas course."""  # D15
    policy(office, on_withdrawal="conclude")
    art = office.course("ART", "art")
    registration = office.register(art, **KIM)
    office.deliver()
    office.withdraw(art, **KIM)
    office.settle()
    assert canvas.roster("art") == {"kim@example.org": "completed"}
    assert "has ended" not in office.sentence(registration)


def test_a_refused_conclusion_blames_no_right_that_the_token_has(office, canvas):
    """Concluding takes other rights than removing; the cause does not name one that the token has."""  # D16
    canvas.options(permissions={"without": ["manage_students", "allow_course_admin_actions"]})
    connection = office.connect()
    policy(office, on_withdrawal="conclude")
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    office.withdraw(art, **KIM)
    office.settle()
    [seat] = office.seats()
    # What it lacks, not the right to remove students, which it has; and Course Settings miss nothing.
    lacks = f"allow_course_admin_actions {canvas.ids['course.art']}"
    assert (seat.cause, seat.cause_scope) == ("permission_missing", lacks)
    assert connection.missing_permissions == ""


# -- the Canvas course, the token's owner, Display Canvas -------------------------------------------------------------


def test_a_withdrawal_from_a_deleted_canvas_course_counts_as_done(office, canvas):
    """Nobody has access to a deleted course."""  # D11
    art = office.course("ART", "art")
    registration = office.register(art, **KIM)
    office.deliver()
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}", event="delete")
    office.withdraw(art, **KIM)
    office.settle(rounds=8)
    [seat] = office.seats()
    assert seat.settled_version == seat.version, (seat.cause, office.sentence(registration))


def test_somebody_is_erased_though_a_course_was_deleted_in_canvas(office, canvas):
    """Erasing waits until Canvas agrees, and must not wait for a course that is gone."""  # D11, second part
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}", event="delete")
    kim = office.participant("kim@example.org")
    erasing.ask_to_erase(office.session, kim, office.now, "admin@example.org", end_access=True)
    office.session.commit()
    office.settle(rounds=8)
    assert not office.session.scalars(select(Participant).where(Participant.email == "kim@example.org")).all()


def test_the_tokens_owner_whose_answer_was_lost_can_withdraw(office, canvas):
    """They take a course too; Canvas refuses to list their deleted enrollments."""  # D12
    art = office.course("ART", "art")
    office.register(art, "admin", email="admin@practice.invalid")
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "after"})
    office.deliver()
    office.withdraw(art, "admin", email="admin@practice.invalid")
    office.later(minutes=3)
    office.settle(rounds=12)
    assert canvas.who_is_in("art") == set(), office.causes()


def test_changes_made_while_canvas_is_switched_off_for_a_month_reach_it_afterwards(office, canvas):
    """Display Canvas is off; what happened meanwhile reaches Canvas afterwards, and nothing before."""  # D21
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    policy(office, display_canvas=False)
    office.withdraw(art, **KIM)
    office.register(art, "lou")
    for _ in range(30):
        office.later(days=1)
        assert office.deliver() == []
    policy(office, display_canvas=True)
    office.settle()
    assert canvas.who_is_in("art") == {"lou@example.org"}
