"""Nobody is removed whom we did not let in, nobody is left in or lost, and nobody reads otherwise.

The scenes are what teachers, restored backups and lost answers do to a place between registering and withdrawing. The
numbers in the comments are those of the review that found them.
"""

import pytest
from sqlalchemy import delete, insert, select

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.errors import Unreachable
from ascriptica_plugin.ledger import due
from ascriptica_plugin.office import answers, privacy, registrations
from ascriptica_plugin.tables.canvas import Seat
from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.office import Course, Participant

from ..office_at_work import Office, connection_of, during_the_first_call, policy
from ..practice_canvas import Practice, posts

KIM = {"who": "kim", "sis_user_id": "K-100"}
IN = "You are in the Canvas course."


def day_later(office: Office, canvas: Practice) -> None:
    """Here and in Canvas; what Canvas makes from now on can't be mistaken for what it made before."""
    office.later(days=1)
    canvas.options(clock_offset_seconds=24 * 60 * 60)


def lose(canvas: Practice, method: str) -> None:
    """The next such request about a course is lost, and Canvas may still carry it out: see `carry_out`."""
    canvas.faults({"match": f"{method} /courses/", "times": 1, "fault": "reset", "when": "before"})


def carry_out(canvas: Practice, calls: list[str], **form: object) -> None:
    """Canvas carries out the request that was lost, late, if there was one: the fault `late` without its seconds."""
    for call in posts(calls)[:1]:
        method, path = call.split(" ")
        canvas.hand(method, path.removeprefix("/"), **form)


def enroll_form(**more: object) -> dict[str, object]:
    """The form of our request to enroll Kim."""
    form = {"user_id": "sis_user_id:K-100", "type": "StudentEnrollment", "enrollment_state": "active", **more}
    return {f"enrollment[{name}]": value for name, value in form.items()}


def end_by_hand(canvas: Practice, course: str, row_id: int) -> None:
    canvas.hand("DELETE", f"courses/{canvas.ids[f'course.{course}']}/enrollments/{row_id}", task="delete")


def put_back(office: Office) -> None:
    """An administrator answers every question about a hand in Canvas: as registered here."""
    for seat in office.seats():
        if seat.cause == "changed_in_canvas":
            answers.about_a_hand(office.session, seat, True, office.now, "admin@example.org")
    office.session.commit()


# -- Canvas, or our database, comes back from a backup ----------------------------------------------------------------


def test_a_withdrawal_after_canvas_was_restored_removes_nobody_else(office, canvas):
    """Yesterday's backup does not have Kim's enrollment, and its number is given to Lou, whom a teacher adds."""  # D1
    art = office.course("ART", "art")
    canvas.snapshot()
    office.register(art, **KIM)
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    added = canvas.by_hand("lou", "art")
    assert [seat.canvas_enrollment_id for seat in office.seats()] == [added["id"]]
    office.withdraw(art, **KIM)
    office.settle()
    assert canvas.who_is_in("art") == {"lou@example.org"}, f"Lou was removed: {canvas.rows()}"


def test_a_registration_after_canvas_was_restored_enrolls_nobody_else(office, canvas):
    """The user whom we created is not in the backup, and the number is given to Zed."""  # D2
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    canvas.snapshot()
    office.register(art, "new")
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    made = {"user[name]": "Zed", "pseudonym[unique_id]": "zed@example.org"}
    canvas.hand("POST", "accounts/self/users", **made)
    office.register(bio, "new")
    office.settle()
    assert "zed@example.org" not in canvas.who_is_in("bio"), "Zed was enrolled for somebody else"
    assert canvas.who_is_in("bio") == {"new@example.org"}


def test_somebody_whom_a_restored_canvas_forgot_is_enrolled_again(office, canvas):
    """The office has the course read, and no hand did it, so nobody is asked."""  # D14
    art = office.course("ART", "art")
    canvas.snapshot()
    registration = office.register(art, **KIM)
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    assert canvas.who_is_in("art") == set()
    office.recheck("art")
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}, office.told(registration)


def test_somebody_whom_a_hand_removed_can_be_put_back(office, canvas):
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
    put_back(office)
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}, office.told(registration)


def test_after_our_database_was_restored_canvas_is_made_to_agree(office, canvas):
    """Who withdrew since last night's backup is registered again here; for us it seems that a hand removed them."""
    # D18
    art = office.course("ART", "art")
    registration = office.register(art, **KIM)
    office.deliver()
    tables = Base.metadata.sorted_tables
    backup = {table: [dict(row) for row in office.session.execute(select(table)).mappings()] for table in tables}
    office.withdraw(art, **KIM)
    office.deliver()
    assert canvas.who_is_in("art") == set()
    for table in reversed(tables):
        office.session.execute(delete(table))
    for table in tables:
        if backup[table]:
            office.session.execute(insert(table), backup[table])
    office.session.commit()
    office.recheck()
    office.deliver()
    put_back(office)
    office.settle(rounds=8, minutes=180)
    assert canvas.who_is_in("art") == {"kim@example.org"}, office.told(registration)


# -- teachers' hands --------------------------------------------------------------------------------------------------


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
    assert canvas.who_is_in("bio") == set(), f"still in; the person reads: {office.told(registration)!r}"


def test_who_was_moved_to_another_section_by_the_teacher_and_withdraws_is_not_told_to_be_out(office, canvas):
    """Canvas makes an enrollment there and deletes ours."""  # D4
    art = office.course("ART", "art")
    registration = office.register(art, **KIM)
    office.deliver()
    [seat] = office.seats()
    canvas.by_hand("kim", "art", course_section_id=canvas.ids["section.art.late"])
    end_by_hand(canvas, "art", seat.canvas_enrollment_id)
    office.withdraw(art, **KIM)
    office.settle()
    told = office.told(registration)
    assert canvas.who_is_in("art") == set() or "ended" not in told, told


def test_an_enrollment_that_was_there_keeps_what_the_teacher_set(office, canvas):
    """Kim is in by hand, with an end date of their own, and registers."""  # D8
    canvas.options(clock_offset_seconds=-3600)
    canvas.by_hand("kim", "art", end_at="2027-01-31T00:00:00Z", limit_privileges_to_course_section="true")
    canvas.options(clock_offset_seconds=0)
    art = office.course("ART")
    office.associate_unread(art, "art")
    office.register(art, **KIM)
    office.settle()
    [row] = canvas.hand("GET", f"courses/{canvas.ids['course.art']}/enrollments")
    assert (row["end_at"], row["limit_privileges_to_course_section"]) == ("2027-01-31T00:00:00Z", True)


def test_who_was_added_again_by_hand_and_registers_again_stays(office, canvas):
    """We removed Kim, a teacher added Kim again: what a hand made stays when Kim withdraws."""  # D13
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    office.withdraw(art, **KIM)
    office.deliver()
    canvas.by_hand("kim", "art")
    office.later(minutes=5)
    office.register(art, **KIM)
    office.deliver()
    office.withdraw(art, **KIM)
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}


def test_who_is_matched_anew_is_in_all_their_courses(office, canvas):
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
    assert canvas.who_is_in("art") == {"lou@example.org"}, f"the person reads: {office.told(registration)!r}"


# -- a hand while Canvas does not answer us ---------------------------------------------------------------------------


def test_who_was_added_by_hand_after_an_outage_stays_after_withdrawing(office, canvas, monkeypatch):
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


def test_who_was_added_by_hand_between_two_tries_stays_after_withdrawing(office, canvas):
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


def test_who_is_invited_is_not_told_to_be_in(office, canvas):
    """They have to accept first."""  # D9
    policy(office, by_invitation=True)
    registration = office.register(office.course("ART", "art"), **KIM)
    office.settle()
    assert canvas.roster("art") == {"kim@example.org": "invited"}
    assert office.told(registration) != IN


def test_who_rejected_the_invitation_is_not_told_to_be_in(office, canvas):
    """Nor while we have not read it yet."""  # D22
    policy(office, by_invitation=True)
    art = office.course("ART")
    office.associate_unread(art, "art")
    registration = office.register(art, **KIM)
    office.settle()
    [(_, _, row_id, _, _)] = canvas.rows()
    canvas.change_state(row_id, "rejected")
    assert office.told(registration) != IN
    office.settle(rounds=10, minutes=180)
    assert office.told(registration) != IN


def test_who_is_still_in_the_old_place_is_not_told_that_access_ended(office, canvas):
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
    assert "ended" not in office.told(registration), office.told(registration)


def test_who_was_concluded_is_not_told_that_access_ended(office, canvas):
    """Who is concluded may still read in the Canvas course."""  # D15
    policy(office, on_withdrawal="conclude")
    art = office.course("ART", "art")
    registration = office.register(art, **KIM)
    office.deliver()
    office.withdraw(art, **KIM)
    office.settle()
    assert canvas.roster("art") == {"kim@example.org": "completed"}
    assert "has ended" not in office.told(registration)


def test_what_concluding_needs_is_checked_and_named(office, canvas):
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
    assert seat.cause_scope != "remove_student_from_course" or connection.missing_permissions, (
        f"told: {seat.cause} {seat.cause_scope}, which the token has; Course Settings miss nothing"
    )


# -- the Canvas course, the token's owner, Display Canvas -------------------------------------------------------------


def test_whoever_withdraws_from_a_course_that_was_deleted_is_done(office, canvas):
    """Nobody has access to a deleted course."""  # D11
    art = office.course("ART", "art")
    registration = office.register(art, **KIM)
    office.deliver()
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}", event="delete")
    office.withdraw(art, **KIM)
    office.settle(rounds=8)
    [seat] = office.seats()
    assert seat.settled_version == seat.version, (seat.cause, office.told(registration))


def test_somebody_is_erased_though_a_course_was_deleted_in_canvas(office, canvas):
    """Erasing waits until Canvas agrees, and must not wait for a course that is gone."""  # D11, second part
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}", event="delete")
    kim = office.participant("kim@example.org")
    privacy.ask_to_erase(office.session, kim, office.now, "admin@example.org", end_access=True)
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


def test_a_month_without_canvas(office, canvas):
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


# -- two participants, or two sections, and one enrollment ------------------------------------------------------------


def test_who_is_still_in_through_another_participant_is_not_told_to_be_out(office, canvas):
    """One human, entered by the office and signed up: two participants, and the office says that they are one."""
    # D19
    art = office.course("ART", "art")
    entry = registrations.Entry("kim@example.org", "Kim Lee")
    registrations.register_many(office.session, art, [entry], office.now, "admin@example.org")
    office.session.commit()
    office.deliver()
    registration = office.register(art, "kim")
    office.deliver()
    office.one_person()
    office.deliver()
    office.withdraw(art, "kim")
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert "has ended" not in office.told(registration)


def test_the_section_changes_while_the_request_is_out(office, canvas, monkeypatch):
    """The office associates another section of the same Canvas course before the answer has arrived."""  # D20
    art = office.course("ART", "art")
    office.register(art, **KIM)
    late = canvas.ids["section.art.late"]
    during_the_first_call(
        office, monkeypatch, lambda: office.associate(office.session.scalars(select(Course)).one(), "art", late)
    )
    office.settle()
    rows = sorted(canvas.read("world")["enrollments"], key=lambda row: row["id"])
    assert [(row["section_id"] == late, row["state"]) for row in rows] == [(False, "deleted"), (True, "active")]


@pytest.mark.parametrize("revived", [False, True])
def test_a_late_request_for_the_same_enrollment_by_its_sections_number_leaves_nobody_in(office, canvas, revived):
    """The clerk picks the section that they are in anyway; that request is carried out when Kim has withdrawn."""
    # D23; where Kim is still in nothing has to be sent, so Kim also comes back to an enrollment that we ended
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    if revived:
        office.withdraw(art, **KIM)
        office.deliver()
        office.associate(art, "art", row["section_id"])
        office.register(art, **KIM)
    else:
        office.associate(art, "art", row["section_id"])
    lose(canvas, "POST")
    sent = office.deliver()
    assert bool(posts(sent)) is revived
    office.withdraw(art, **KIM)
    office.deliver()
    carry_out(canvas, sent, **enroll_form(course_section_id=row["section_id"]))
    office.settle()
    assert canvas.who_is_in("art") == set(), office.causes()


def test_a_late_request_for_another_participants_enrollment_leaves_nobody_in(office, canvas):
    """Two participants are one Canvas user, and both have withdrawn when the request is carried out."""  # D24
    art = office.course("ART", "art")
    office.register(art, **KIM)
    office.deliver()
    office.register(art, key="kim again", **KIM)
    office.deliver()
    office.one_person()
    lose(canvas, "POST")
    sent = office.deliver()
    office.withdraw(art, **KIM)
    office.withdraw(art, key="kim again", **KIM)
    office.deliver()
    carry_out(canvas, sent, **enroll_form())
    office.settle()
    assert canvas.who_is_in("art") == set(), office.causes()


@pytest.mark.parametrize("how", ["two participants", "section by number"])
def test_a_late_removal_of_the_same_enrollment_loses_nobody(office, canvas, how):
    """Kim withdraws from one course of ours and takes another one, which leads to the same enrollment."""  # D25
    one, two = office.course("ONE", "art"), office.course("TWO", "art")
    office.register(one, **KIM)
    office.deliver()
    [row] = canvas.read("world")["enrollments"]
    if how == "section by number":
        office.associate(two, "art", row["section_id"])
    lose(canvas, "DELETE")
    office.withdraw(one, **KIM)
    sent = office.deliver()
    assert len(posts(sent)) == 1
    registration = office.register(two, key="kim again" if how == "two participants" else "kim", **KIM)
    office.deliver()
    office.one_person()
    office.deliver()
    carry_out(canvas, sent, task="delete")
    office.settle()
    assert canvas.who_is_in("art") == {"kim@example.org"}, f"the person reads {office.told(registration)!r}"
