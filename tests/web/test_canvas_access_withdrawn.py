"""Canvas access in words, of people who have withdrawn: what is left of it, and what another registration keeps."""

import pytest

from ..office_at_work import policy


@pytest.mark.parametrize(
    ("policy_here", "text", "on_roster"),
    [
        (
            "conclude",
            "You have withdrawn. You can still read the Canvas course, and can't take part any more.",
            "Concluded in Canvas: can still read",
        ),
        ("deactivate", "Your access to the Canvas course has ended.", "Deactivated in Canvas"),
    ],
)
def test_the_page_says_how_a_withdrawal_changed_canvas_access(reader, policy_here, text, on_roster):
    policy(reader.office, on_withdrawal=policy_here)
    reader.register()
    reader.withdraw()
    assert reader.participant()[:2] == ("quiet", text)
    assert reader.office_reads()[1].partition(", seen")[0] == on_roster


def test_a_person_who_withdrew_before_delivery_is_shown_as_never_enrolled(reader):
    reader.open(reader.kim, "/courses/ART/register", wait="")
    reader.withdraw()
    assert reader.participant()[:2] == ("quiet", "You have withdrawn.")
    assert reader.office_reads() == ("quiet", "No enrollment known in Canvas")
    page = reader.page("/tools/canvas")
    assert "Removed 0" in page
    assert reader.office.status()["seats"]["removed"] == 1


def test_two_of_our_courses_on_one_canvas_course_each_say_what_is_true_for_them(reader):
    reader.office.course("ART-2", "art")
    reader.register()
    reader.register("ART-2")
    reader.withdraw()
    assert reader.participant()[:2] == (
        "quiet",
        "You are still in the Canvas course through another registration.",
    )
    assert reader.office_reads()[1].startswith("In Canvas through another registration, seen")
    assert reader.participant("ART-2")[:2] == ("settled", "You are in the Canvas course.")
    reader.withdraw("ART-2")
    for code in ("ART", "ART-2"):
        assert reader.participant(code)[1] == "Your access to the Canvas course has ended."


def test_a_person_in_through_another_section_is_not_shown_as_out(reader, canvas):
    late = canvas.ids["section.art.late"]
    reader.office.course("LATE", "art", late)
    reader.register()
    reader.register("LATE")
    reader.withdraw()
    assert reader.participant()[1] == "You are still in the Canvas course through another registration."
    assert "In Canvas through another registration" in reader.office_reads()[1]


def test_a_waiting_registration_does_not_change_the_page_of_a_withdrawn_one(reader, canvas):
    """A person who withdrew here waits for nothing here, though the seat that both registrations share does."""
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    reader.office.course("ART-2", "art")
    reader.register()
    reader.register("ART-2")
    reader.withdraw()
    assert "Another registration still keeps your place" in reader.participant()[1]
    assert "wait for you" not in reader.page("/tools/courses/ART")
    assert "waits for you" not in reader.page("/tools/courses/ART")
    assert "1 person waits for you" in reader.page("/tools/courses/ART-2")


def test_an_enrollment_in_another_canvas_course_that_stays_is_not_said_to_be_in_this_one(reader, canvas):
    """A hand made it while a request of ours was out, so the office is asked about it."""
    reader.office.course("BIO", "bio")
    path = f"POST /courses/{canvas.ids['course.bio']}/"
    canvas.faults({"match": path, "times": 1, "fault": "reset", "when": "before"})
    reader.register("BIO")
    canvas.by_hand("kim", "art")
    reader.open(reader.kim, "/courses/BIO/withdraw", x="1")
    reader.office.later(minutes=3)
    reader.office.deliver()
    [seat] = reader.office.seats()
    elsewhere = f"Canvas course {canvas.ids['course.art']}"
    assert f"keep the enrollment in {elsewhere} that was there before us?" in reader.page("/tools/canvas")
    reader.open(reader.boss, f"/tools/canvas/{seat.id}/decide", answer="keep")
    reader.office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert reader.participant("BIO")[1] == "You have withdrawn. You are in another Canvas course, and stay in it."
    assert reader.office_reads("BIO")[1].startswith(f"Kept in {elsewhere}")


def test_an_enrollment_of_another_canvas_user_is_not_shown_as_this_participant_s(reader, canvas):
    """A user called Kim, who has an enrollment by hand in Canvas, is somebody else."""
    canvas.by_hand("kim", "art")
    reader.read()
    reader.register()
    [seat] = reader.office.seats()
    reader.open(reader.boss, f"/tools/participants/{seat.participant_id}/doubt", x="1")
    reader.open(reader.boss, f"/tools/canvas/{seat.id}/choose", other=str(canvas.ids["user.lou"]))
    reader.office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org", "lou@example.org"}
    reader.open(reader.boss, f"/tools/canvas/{seat.id}/decide", answer="keep")
    reader.office.deliver()
    reader.withdraw()
    assert canvas.who_is_in("art") == {"kim@example.org"}
    assert reader.participant()[1] == "Your access to the Canvas course has ended."
    assert reader.office_reads()[1].startswith("Removed from Canvas")


def test_a_held_removal_is_shown_neither_as_under_way_nor_as_ended(reader, canvas):
    reader.register()
    canvas.options(permissions={"without": ["remove_student_from_course", "manage_students"]})
    reader.withdraw()
    assert reader.participant()[:2] == (
        "stuck",
        "You have withdrawn. The office still has to end your access to the Canvas course.",
    )
    page = reader.page("/tools/courses/ART")
    assert "on the way" not in page
    assert "1 person waits for you" in page


def test_nobody_is_shown_as_on_the_way_while_canvas_is_away(reader, canvas):
    reader.register()
    canvas.options(down=True)
    reader.withdraw()
    assert reader.participant()[1] == "You have withdrawn. Your access to the Canvas course ends automatically."
    page = reader.page("/tools/courses/ART")
    assert "1 person waits: Canvas is not answering." in page
    assert "on the way" not in page
    assert "for you" not in page
