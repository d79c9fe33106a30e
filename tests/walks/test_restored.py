"""Canvas, or our database, comes back from a backup: nobody else is removed or let in, and all agree in the end.

The numbers in the comments are those of the review that found the scenes.
"""

from datetime import datetime

import pytest
from sqlalchemy import delete, insert, select

from ascriptica_plugin.ledger import reads
from ascriptica_plugin.sync import drain
from ascriptica_plugin.tables.columns import Base
from ascriptica_plugin.tables.office import Course

from ..office_at_work import Office, connection_of, many_to_remove
from ..practice_canvas import Practice

KIM = {"who": "kim", "sis_user_id": "K-100"}


def day_later(office: Office, canvas: Practice) -> None:
    """Here and in Canvas; what Canvas makes from now on can't be mistaken for what it made before."""
    office.later(days=1)
    canvas.options(clock_offset_seconds=24 * 60 * 60)


def give_lou_the_number_of_kim(office: Office, canvas: Practice) -> Course:
    """Yesterday's backup does not have Kim's enrollment, and its number is given to Lou, whom a teacher adds."""
    art = office.course("ART", "art")
    canvas.snapshot()
    office.register(art, **KIM)
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    added = canvas.by_hand("lou", "art")
    assert [seat.canvas_enrollment_id for seat in office.seats()] == [added["id"]]
    return art


def test_a_withdrawal_after_a_restore_of_canvas_removes_nobody_else(office, canvas):  # D1
    art = give_lou_the_number_of_kim(office, canvas)
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


def test_a_person_who_has_the_number_of_somebody_else_since_a_restore_is_not_taken_for_them(office, canvas):
    """Zed is found by his email, under the number of the user whom we had created for somebody else."""
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    canvas.snapshot()
    office.register(art, "new")
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    canvas.hand("POST", "accounts/self/users", **{"user[name]": "Zed", "pseudonym[unique_id]": "zed@example.org"})
    office.register(bio, "zed")
    office.recheck()
    office.settle()
    assert [seat.cause for seat in office.seats()] == [None, None]
    assert canvas.who_is_in("bio") == {"zed@example.org"}
    assert canvas.who_is_in("art") == {"new@example.org"}


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
    assert canvas.who_is_in("art") == {"kim@example.org"}, office.sentence(registration)


def test_canvas_is_made_to_agree_after_our_database_was_restored(office, canvas):
    """People who withdrew since the backup are registered again here; to us they seem to be removed by hand."""
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
    office.put_back()
    office.settle(rounds=8, minutes=180)
    assert canvas.who_is_in("art") == {"kim@example.org"}, office.sentence(registration)


def test_a_restored_canvas_is_treated_as_any_other_once_it_was_read(office, canvas):
    """Nobody is removed before that; afterwards a read that somebody asks for delays no removal."""
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    office.register(bio, "lou")
    office.deliver()
    canvas.snapshot()
    office.register(art, **KIM)
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    office.recheck("art")
    office.settle()
    office.session.expire_all()
    assert connection_of(office).restored_at is None
    assert canvas.who_is_in("art") == {"kim@example.org"}
    reads.owe(office.session, connection_of(office).id, canvas.ids["course.art"], office.now)
    office.session.commit()
    office.withdraw(bio, "lou")
    office.deliver()
    assert canvas.who_is_in("bio") == set()


def test_a_restored_canvas_is_read_once_however_many_courses_show_it(office, canvas):
    names = [f"c{number}" for number in range(6)]
    canvas.seed(users={"kim": {"login": "kim", "sis_user_id": "K-100"}}, courses={name: {} for name in names})
    office.connect()
    courses = [office.course(name.upper(), name) for name in names]
    canvas.snapshot()
    for course in courses:
        office.register(course, **KIM)
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    office.recheck(*names)

    def moving_clock() -> datetime:
        office.later(milliseconds=1)
        return office.now

    drain.drain(office.session, office.canvases, now=moving_clock)
    calls = canvas.calls()
    for name in names:
        assert calls.count(f"GET /courses/{canvas.ids[f'course.{name}']}/enrollments") <= 2, calls
        assert canvas.who_is_in(name) == {"kim"}


@pytest.mark.parametrize("seconds", [10, 180], ids=["repeated", "looked up"])
def test_a_person_who_was_ended_under_a_number_that_a_restored_canvas_gave_out_again_is_put_back(
    office, canvas, seconds
):
    """The answer to the request that ended Lou was lost, so only the look at what came of it shows that."""
    art = office.course("ART", "art")
    canvas.snapshot()
    office.register(art, **KIM)
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    added = canvas.by_hand("lou", "art")
    assert [seat.canvas_enrollment_id for seat in office.seats()] == [added["id"]]
    office.withdraw(art, **KIM)
    # It learns Canvas's time anew, which has made a leap here.
    office.new_worker()
    canvas.faults({"match": "DELETE /courses/", "times": 1, "fault": "reset", "when": "after"})
    office.deliver()
    assert canvas.who_is_in("art") == set()
    office.later(seconds=seconds)
    office.settle()
    assert canvas.who_is_in("art") == {"lou@example.org"}
    assert office.status()["seats"]["removed"] == 1


def test_a_person_removed_by_hand_is_not_put_back_though_their_number_was_somebody_else_s(office, canvas):
    art = office.course("ART", "art")
    canvas.snapshot()
    office.register(art, **KIM)
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    added = canvas.by_hand("lou", "art")
    canvas.hand("DELETE", f"courses/{canvas.ids['course.art']}/enrollments/{added['id']}", task="delete")
    canvas.options(clock_offset_seconds=25 * 60 * 60)
    office.later(hours=1)
    office.new_worker()
    office.withdraw(art, **KIM)
    canvas.faults({"match": "DELETE /courses/", "times": 1, "fault": "reset", "when": "before"})
    office.deliver()
    office.later(minutes=3)
    office.settle()
    assert canvas.who_is_in("art") == set()


def test_a_course_that_can_t_be_read_keeps_its_own_people_and_nobody_else_s(office, canvas):
    """Nobody is put out of a restored Canvas before it was read; but one course is closed to us."""
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    office.register(art, "lou")
    office.register(bio, "lou")
    office.deliver()
    canvas.snapshot()
    office.register(bio, **KIM)
    office.deliver()
    day_later(office, canvas)
    canvas.restore()
    path = f"GET /courses/{canvas.ids['course.art']}/enrollments"
    canvas.faults({"match": path, "times": None, "fault": "denied"})
    office.recheck("bio")
    office.deliver()
    office.withdraw(art, "lou")
    office.withdraw(bio, "lou")
    office.settle()
    assert canvas.who_is_in("bio") == {"kim@example.org"}, office.causes()
    assert canvas.who_is_in("art") == {"lou@example.org"}, office.causes()


def test_putting_back_a_person_whom_we_removed_by_mistake_is_repeated_until_canvas_answers(office, canvas):
    """The first request to let Lou in again fails."""
    art = give_lou_the_number_of_kim(office, canvas)
    office.withdraw(art, **KIM)
    canvas.faults({"match": "POST /courses/", "times": 1, "fault": "reset", "when": "before"})
    office.deliver()
    assert canvas.who_is_in("art") == set()
    office.settle()
    assert canvas.who_is_in("art") == {"lou@example.org"}


def test_a_canvas_that_is_restored_while_people_are_removed_keeps_everybody_else(office, canvas):
    """Every number is somebody else's by now. Those who are taken out before that is noticed are put back."""
    people, restored = 50, []
    canvas.snapshot()
    many_to_remove(office, office.course("ART", "art"), people)

    def restore() -> bool:
        if not restored and sum(call["method"] == "DELETE" for call in canvas.read("calls")["calls"]) >= 12:
            restored.append(True)
            canvas.options(clock_offset_seconds=24 * 60 * 60)
            canvas.restore()
            for number in range(people):
                made = {"user[name]": f"Other {number}", "pseudonym[unique_id]": f"other{number}@example.org"}
                canvas.by_hand(canvas.hand("POST", "accounts/self/users", **made)["id"], "art")
        return False

    office.deliver(restore)
    assert restored
    office.later(days=1)
    office.settle()
    assert canvas.who_is_in("art") == {f"other{number}@example.org" for number in range(people)}
