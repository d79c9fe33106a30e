"""Canvas access in words, as a participant and the office read it: only what was seen in Canvas is said of it."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete

from ascriptica_plugin.ledger import entering
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.ledger import CanvasRow

from ..office_at_work import connection_of, policy
from ..pages import words

SEEN = r", seen \d\d \w{3}, \d\d:\d\d"


def test_an_active_enrollment_is_shown_as_in_canvas_with_the_time_it_was_seen(reader, canvas):
    reader.open(reader.kim, "/courses/ART/register", wait="")
    assert reader.participant() == ("waiting", "Adding you to the Canvas course …", "")
    assert reader.office_reads() == ("waiting", "Being added to Canvas …")
    reader.office.deliver()
    link = f"{canvas.url}/courses/{canvas.ids['course.art']}"
    assert reader.participant() == ("settled", "You are in the Canvas course.", link)
    mark, text = reader.office_reads()
    assert mark == "settled"
    assert re.fullmatch(f"In Canvas{SEEN}", text)
    assert text.endswith(f"{reader.office.now:%H:%M}")
    reader.withdraw()
    assert reader.participant() == ("quiet", "Your access to the Canvas course has ended.", "")
    assert re.fullmatch(f"Removed from Canvas{SEEN}", reader.office_reads()[1])


def test_an_invited_person_reads_that_they_have_to_accept(reader, canvas):
    policy(reader.office, by_invitation=True)
    reader.register()
    link = f"{canvas.url}/courses/{canvas.ids['course.art']}"
    assert reader.participant() == ("quiet", "You are invited: accept the invitation in Canvas.", link)
    mark, text = reader.office_reads()
    assert (mark, text.partition(", seen")[0]) == ("quiet", "Invited, has to accept the invitation")
    assert reader.office.status()["seats"]["enrolled"] == 1
    canvas.change_state(reader.row(), "active")
    reader.read()
    assert reader.participant()[:2] == ("settled", "You are in the Canvas course.")


@pytest.mark.parametrize(
    ("hand", "text", "on_roster"),
    [
        ("delete", "You were removed from the Canvas course, in Canvas itself.", "Removed in Canvas by hand"),
        (
            "conclude",
            "Your enrollment was concluded. You can still read the Canvas course, and can't take part any more.",
            "Concluded in Canvas by hand: can still read",
        ),
        (
            "deactivate",
            "Your access to the Canvas course was switched off in Canvas.",
            "Deactivated in Canvas by hand",
        ),
    ],
)
def test_a_change_by_hand_is_shown_asked_about_and_shown_when_it_is_left(reader, hand, text, on_roster):
    reader.register()
    reader.by_hand(hand)
    assert reader.participant()[:2] == ("stuck", f"Your place is safe. {text} The office decides about it.")
    mark, words_of_office = reader.office_reads()
    assert (mark, words_of_office.partition(", seen")[0]) == ("stuck", on_roster)
    status = reader.office.status()
    assert (status["seats"]["held"], status["changed_in_canvas"], status["questions"]) == (1, 1, 0)
    [seat] = reader.office.seats()
    assert "is left as in Canvas" in reader.open(reader.boss, f"/tools/canvas/{seat.id}/hand", answer="leave")
    reader.office.deliver()
    assert reader.participant()[:2] == ("quiet", f"{text} The office left it like that.")
    mark, words_of_office = reader.office_reads()
    assert (mark, words_of_office.partition(", seen")[0]) == ("quiet", f"{on_roster}; left as in Canvas")
    assert reader.office.status()["changed_in_canvas"] == 0
    reader.withdraw()
    assert "left as in Canvas" not in reader.office_reads()[1]


def test_a_person_who_rejected_the_invitation_reads_so(reader, canvas):
    policy(reader.office, by_invitation=True)
    reader.register()
    canvas.change_state(reader.row(), "rejected")
    reader.read()
    assert "You said no to the invitation in Canvas." in reader.participant()[1]
    assert reader.office_reads()[1].startswith("Said no to the invitation")


@pytest.mark.parametrize(
    ("course", "text", "on_roster"),
    [
        ({"published": False}, "The Canvas course is not open yet", "In Canvas, in a course not published yet, seen"),
        (
            {"concluded": True},
            "The Canvas course is concluded. You can still",
            "In Canvas, in a concluded course, seen",
        ),
    ],
)
def test_the_green_mark_is_shown_only_where_the_person_can_enter(reader, course, text, on_roster):
    reader.register()
    for name, value in course.items():
        setattr(reader.course.association, name, value)
    reader.office.session.commit()
    assert reader.participant()[0] == "quiet"
    assert text in reader.participant()[1]
    assert reader.office_reads()[0] == "quiet"
    assert reader.office_reads()[1].startswith(on_roster)


def test_no_green_mark_is_shown_in_a_course_that_has_ended(reader):
    reader.register()
    assert (reader.participant()[0], reader.office_reads()[0]) == ("settled", "settled")
    reader.course.ends_at = clock.utc_now() - timedelta(days=1)
    reader.office.session.commit()
    assert (reader.participant()[0], reader.office_reads()[0]) == ("quiet", "quiet")


def test_a_person_in_the_new_place_is_shown_as_in_though_the_old_enrollment_waits(reader, canvas):
    reader.register()
    canvas.options(permissions={"without": ["remove_student_from_course", "manage_students"]})
    reader.office.associate(reader.course, "bio")
    reader.office.deliver()
    reader.office.later(minutes=1)
    reader.office.deliver()
    assert canvas.who_is_in("bio") == {"kim@example.org"}
    assert reader.participant()[:2] == ("settled", "You are in the Canvas course.")
    assert reader.office_reads()[1].startswith("In Canvas")


def test_only_the_office_reads_who_is_in_while_their_identity_is_in_question(reader):
    reader.register()
    [seat] = reader.office.seats()
    reader.open(reader.boss, f"/tools/participants/{seat.participant_id}/doubt", x="1")
    for _ in range(2):
        assert "You are in" not in reader.participant()[1]
        assert "Kim Lee" not in reader.participant()[1]
        reader.office.deliver()
    tone, said = reader.office_reads()
    assert tone == "stuck"
    assert re.fullmatch(rf"In Canvas{SEEN}; as Kim Lee, login kim@example.org; Who is it in Canvas\?", said)
    exported = reader.open(reader.boss, "/tools/courses/ART/roster.csv", x="1")
    assert "In Canvas; as Kim Lee, login kim@example.org; Who is it in Canvas?" in exported


def test_an_enrollment_that_was_never_seen_is_not_mentioned(reader):
    reader.register()
    reader.office.session.execute(delete(CanvasRow))
    reader.office.session.commit()
    assert reader.participant()[0] == "waiting"
    assert reader.office_reads() == ("waiting", "Not seen in Canvas yet")


def test_the_list_of_everybody_shows_the_same_access(reader):
    reader.register()
    listed = reader.page("/tools/canvas").partition("Since")[2]
    assert re.search(f"In Canvas{SEEN}", listed)
    reader.by_hand("conclude")
    listed = reader.page("/tools/canvas").partition("Since")[2]
    assert "Concluded in Canvas by hand: can still read" in listed
    assert "put back, or leave it?" in listed
    csv = reader.open(reader.boss, "/tools/courses/ART/roster.csv", x="1")
    assert "Concluded in Canvas by hand: can still read" in csv


def test_participants_see_when_the_office_has_to_act(office, kim, canvas):
    course = office.course("ART", "art")
    canvas.admin.delete(f"{canvas.api}/courses/{canvas.ids['course.art']}", data={"event": "delete"}, timeout=10)
    kim.post("/courses/ART/register")
    office.deliver()
    assert "Your place is safe. The office has to sort something out" in words(kim.get("/courses/ART"))
    assert course.places_taken == 1


def test_participants_see_when_canvas_is_away(office, kim, canvas):
    office.course("ART", "art")
    canvas.options(down=True)
    kim.post("/courses/ART/register")
    office.deliver()
    assert "Canvas is not answering at the moment" in words(kim.get("/courses/ART"))


def test_an_enrollment_of_somebody_else_s_user_shows_nobody_as_in(reader, canvas):
    """The office says that they are Lou, whom Canvas doesn't let in yet; what they were let in as was Kim's."""
    reader.register()
    [seat] = reader.office.seats()
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    reader.open(reader.boss, f"/tools/participants/{seat.participant_id}/doubt", x="1")
    reader.open(reader.boss, f"/tools/canvas/{seat.id}/choose", other=str(canvas.ids["user.lou"]))
    reader.office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    mark, text, _ = reader.participant()
    assert mark != "settled"
    assert "You are in" not in text
    assert "In Canvas" not in reader.office_reads()[1]
    connection, session = connection_of(reader.office), reader.office.session
    counted = entering.of_courses(session, connection, [reader.course.id], reader.office.now)
    assert counted[reader.course.id].can_enter == 0
