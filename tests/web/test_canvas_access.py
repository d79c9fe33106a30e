"""Canvas access in words, as a participant and the office read it: only what was seen in Canvas is said of it."""

import html
import re
from datetime import timedelta

import pytest
from flask import g
from flask.testing import FlaskClient
from sqlalchemy import delete

from ascriptica_plugin.ledger import entering
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.ledger import CanvasRow

from ..office_at_work import Office, connection_of, policy, sign_in
from ..pages import words
from ..practice_canvas import Practice


class Reader:
    """Kim at a browser, and an administrator at another."""

    def __init__(self, office: Office, canvas: Practice):
        self.office, self.canvas = office, canvas
        self.kim, self.boss = office.app.test_client(), office.app.test_client()
        sign_in(self.kim, office.app, "kim@example.org")
        sign_in(self.boss, office.app, "boss@example.org", admin=True)
        self.course = office.course("ART", "art")

    def open(self, client: FlaskClient, path: str, **form: object) -> str:
        g.pop("_login_user", None)
        answer = client.post(path, data=form, follow_redirects=True) if form else client.get(path)
        return answer.text

    def register(self, code: str = "ART") -> None:
        self.open(self.kim, f"/courses/{code}/register", wait="")
        self.office.deliver()

    def withdraw(self, code: str = "ART") -> None:
        self.open(self.kim, f"/courses/{code}/withdraw", x="1")
        self.office.deliver()

    def page(self, path: str) -> str:
        """What the administrator reads."""
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", self.open(self.boss, path))))

    def row(self, course: str = "art") -> int:
        return next(
            row for login, name, row, _, _ in self.canvas.rows() if (login, name) == ("kim@example.org", course)
        )

    def by_hand(self, task: str) -> None:
        """A teacher ends Kim's enrollment, and the course is read."""
        where = f"courses/{self.canvas.ids['course.art']}/enrollments/{self.row()}"
        self.canvas.hand("DELETE", where, task=task)
        self.read()

    def read(self) -> None:
        self.office.later(minutes=1)
        self.office.recheck("art")
        self.office.deliver()

    def participant(self, code: str = "ART") -> tuple[str, str, str]:
        """The mark, the sentence and the link that Kim finds, the same on both pages."""
        [on_its_page] = _lines(self.open(self.kim, f"/courses/{code}"))
        assert on_its_page in _lines(self.open(self.kim, "/my/courses"))
        return on_its_page

    def office_reads(self, code: str = "ART") -> tuple[str, str]:
        """The mark and the words on the roster."""
        roster = self.open(self.boss, f"/tools/courses/{code}").partition("</thead>")[2]
        mark, text = re.search(r'class="access access-(\w+)">(.*?)</span>', roster, re.DOTALL).groups()
        return mark, re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", text)))


def _lines(page: str) -> list[tuple[str, str, str]]:
    pattern = r'class="access access-(\w+)">(.*?)</span>(?: <a href="([^"]+)")?'
    return [(mark, html.unescape(text), link) for mark, text, link in re.findall(pattern, page, re.DOTALL)]


@pytest.fixture
def reader(office, canvas) -> Reader:
    return Reader(office, canvas)


SEEN = r", seen \d\d \w{3}, \d\d:\d\d"


def test_in_canvas_is_said_of_an_active_enrollment_with_when_it_was_seen(reader, canvas):
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


def test_a_person_who_is_invited_has_to_accept(reader, canvas):
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
def test_what_a_hand_did_is_shown_asked_and_shown_when_it_is_left(reader, hand, text, on_roster):
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
    assert reader.participant()[:2] == ("quiet", f"{text} The office left it so.")
    mark, words_of_office = reader.office_reads()
    assert (mark, words_of_office.partition(", seen")[0]) == ("quiet", f"{on_roster}; left as in Canvas")
    assert reader.office.status()["changed_in_canvas"] == 0
    reader.withdraw()
    assert "left as in Canvas" not in reader.office_reads()[1]


def test_a_person_who_said_no_to_the_invitation_reads_so(reader, canvas):
    policy(reader.office, by_invitation=True)
    reader.register()
    canvas.change_state(reader.row(), "rejected")
    reader.read()
    assert "You said no to the invitation in Canvas." in reader.participant()[1]
    assert reader.office_reads()[1].startswith("Said no to the invitation")


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
def test_the_page_says_what_a_withdrawal_leaves(reader, policy_here, text, on_roster):
    policy(reader.office, on_withdrawal=policy_here)
    reader.register()
    reader.withdraw()
    assert reader.participant()[:2] == ("quiet", text)
    assert reader.office_reads()[1].partition(", seen")[0] == on_roster


def test_a_person_who_withdraws_before_we_got_to_it_was_never_in(reader):
    reader.open(reader.kim, "/courses/ART/register", wait="")
    reader.withdraw()
    assert reader.participant()[:2] == ("quiet", "You have withdrawn.")
    assert reader.office_reads() == ("quiet", "No enrollment known in Canvas")
    page = reader.page("/tools/canvas")
    assert "Removed 0" in page
    assert reader.office.status()["seats"]["removed"] == 1


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
def test_a_green_mark_stands_only_where_they_can_enter(reader, course, text, on_roster):
    reader.register()
    for name, value in course.items():
        setattr(reader.course.association, name, value)
    reader.office.session.commit()
    assert reader.participant()[0] == "quiet"
    assert text in reader.participant()[1]
    assert reader.office_reads()[0] == "quiet"
    assert reader.office_reads()[1].startswith(on_roster)


def test_in_a_course_that_has_ended_there_is_no_green_mark(reader):
    reader.register()
    assert (reader.participant()[0], reader.office_reads()[0]) == ("settled", "settled")
    reader.course.ends_at = clock.utc_now() - timedelta(days=1)
    reader.office.session.commit()
    assert (reader.participant()[0], reader.office_reads()[0]) == ("quiet", "quiet")


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


def test_a_person_who_is_in_through_another_section_is_not_called_out(reader, canvas):
    late = canvas.ids["section.art.late"]
    reader.office.course("LATE", "art", late)
    reader.register()
    reader.register("LATE")
    reader.withdraw()
    assert reader.participant()[1] == "You are still in the Canvas course through another registration."
    assert "In Canvas through another registration" in reader.office_reads()[1]


def test_another_registration_that_waits_is_no_matter_of_this_one(reader, canvas):
    """Who withdrew here is waiting for nothing here, though the seat that they share is."""
    canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    reader.office.course("ART-2", "art")
    reader.register()
    reader.register("ART-2")
    reader.withdraw()
    assert "Another registration still keeps your place" in reader.participant()[1]
    assert "wait for you" not in reader.page("/tools/courses/ART")
    assert "waits for you" not in reader.page("/tools/courses/ART")
    assert "1 person waits for you" in reader.page("/tools/courses/ART-2")


def test_a_person_who_is_in_the_new_place_is_in_though_the_old_enrollment_waits(reader, canvas):
    reader.register()
    canvas.options(permissions={"without": ["remove_student_from_course", "manage_students"]})
    reader.office.associate(reader.course, "bio")
    reader.office.deliver()
    reader.office.later(minutes=1)
    reader.office.deliver()
    assert canvas.who_is_in("bio") == {"kim@example.org"}
    assert reader.participant()[:2] == ("settled", "You are in the Canvas course.")
    assert reader.office_reads()[1].startswith("In Canvas")


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


def test_what_stays_of_another_canvas_user_is_not_said_of_this_participant(reader, canvas):
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


def test_held_is_neither_moving_nor_ended(reader, canvas):
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


def test_while_canvas_is_away_nobody_is_on_the_way(reader, canvas):
    reader.register()
    canvas.options(down=True)
    reader.withdraw()
    assert reader.participant()[1] == "You have withdrawn. Your access to the Canvas course ends automatically."
    page = reader.page("/tools/courses/ART")
    assert "1 person waits: Canvas is not answering." in page
    assert "on the way" not in page
    assert "for you" not in page


def test_while_it_is_open_who_they_are_only_the_office_reads_who_is_in(reader):
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


def test_nothing_is_said_of_an_enrollment_that_was_never_seen(reader):
    reader.register()
    reader.office.session.execute(delete(CanvasRow))
    reader.office.session.commit()
    assert reader.participant()[0] == "waiting"
    assert reader.office_reads() == ("waiting", "Not seen in Canvas yet")


def test_the_list_of_everybody_says_the_same(reader):
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


def test_nobody_is_said_to_be_in_by_the_enrollment_of_a_user_who_is_not_theirs(reader, canvas):
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
