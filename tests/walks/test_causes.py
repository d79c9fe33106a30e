"""Every cause, end to end: how it comes about in Canvas, what the clerk and the participant read, and how it heals.

`CAUSES_OF_LIFE` is the documentation of it; each line is lived through by one test. Lou registers for ART and has the
trouble; Kim registers for BIO and has none, so whoever is not named by the cause is never kept waiting by it.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography.fernet import Fernet, MultiFernet
from flask import g
from sqlalchemy import select

from ascriptica_plugin import retry
from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.ledger.causes import CAUSES
from ascriptica_plugin.office import courses
from ascriptica_plugin.sync.clients import Canvases
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Association, LogEntry, Participant

from ..office_at_work import Office, sign_in
from ..pages import new_course, words
from ..practice_canvas import Practice, enroll_by_hand


@pytest.fixture
def database_url(empty_sqlite, tmp_path) -> str:
    """SQLite alone: what is told here of PostgreSQL would be the same, and its statements run in test_lists."""
    shutil.copy(empty_sqlite, tmp_path / "office.sqlite3")
    return f"sqlite:///{tmp_path}/office.sqlite3"


class Scene:
    """An administrator and Lou at their browsers, the office, and Canvas."""

    def __init__(self, office: Office, canvas: Practice, monkeypatch: pytest.MonkeyPatch):
        self.office, self.canvas, self.monkeypatch = office, canvas, monkeypatch
        self.admin, self.lou = office.app.test_client(), office.app.test_client()
        sign_in(self.admin, office.app, "boss@example.org", admin=True)
        sign_in(self.lou, office.app, "lou@example.org")
        office.register(office.course("BIO", "bio"), "kim", sis_user_id="K-100")
        self.art = office.course("ART", "art")

    def get(self, client, path: str) -> str:
        g.pop("_login_user", None)
        return words(client.get(path))

    def post(self, client, path: str, **form: object) -> str:
        g.pop("_login_user", None)
        return words(client.post(path, data=form, follow_redirects=True))

    def register(self) -> None:
        assert "You are registered" in self.post(self.lou, "/courses/ART/register")

    def withdraw(self) -> None:
        assert "You have withdrawn" in self.post(self.lou, "/courses/ART/withdraw")

    def causes(self) -> str:
        """The part of /tools/canvas that says what waits and why, and above it what all of Canvas waits for."""
        return self.get(self.admin, "/tools/canvas").partition("Everybody's access")[0]

    def seat_id(self) -> int:
        return max(seat.id for seat in self.office.seats() if seat.participant.email == "lou@example.org")

    def correct(self, **facts: str) -> None:
        """Correct the participant Lou at their page."""
        number = next(seat.participant_id for seat in self.office.seats() if seat.id == self.seat_id())
        form = {"name": "Lou", "email": "lou@example.org", "sis_user_id": ""} | facts
        assert "Lou is saved." in self.post(self.admin, f"/tools/participants/{number}", **form)

    def answer(self, question: str, **form: object) -> str:
        return self.post(self.admin, f"/tools/canvas/{self.seat_id()}/{question}", **form)

    def course(self, event: str) -> None:
        where = f"{self.canvas.api}/courses/{self.canvas.ids['course.art']}"
        self.canvas.admin.put(where, data={"course[event]": event}, timeout=10).raise_for_status()

    def user(self, login: str, **channel: str) -> None:
        """Make another Canvas user."""
        where = f"{self.canvas.api}/accounts/{self.canvas.ids['account.root']}/users"
        form = {"user[name]": "Lou Again", "pseudonym[unique_id]": login}
        form |= {f"communication_channel[{name}]": value for name, value in channel.items()}
        self.canvas.admin.post(where, data=form, timeout=10).raise_for_status()

    def no_user(self) -> None:
        where = f"{self.canvas.api}/accounts/{self.canvas.ids['account.root']}/users/{self.canvas.ids['user.lou']}"
        self.canvas.admin.delete(where, timeout=10).raise_for_status()

    def faults(self, match: str, **fault: object) -> None:
        self.canvas.faults({"match": match, "times": None, "when": "before", **fault})

    def look_private(self, *, allowed: bool) -> None:
        """What the practice Canvas's address is to a worker of another machine, or to one whose DNS changed."""
        self.office.canvases = Canvases(self.office.canvases.keys, allow_private=allowed)

    def no_faults(self) -> None:
        self.canvas.session.delete(f"{self.canvas.url}/practice/faults", timeout=10)

    def associate(self, canvas_course: str) -> None:
        typed = new_course(title="ART here", canvas_course=canvas_course)
        assert "ART here is saved." in self.post(self.admin, "/tools/courses/ART/edit", **typed)


# -- how each comes about, and how it heals ---------------------------------------------------------------------------


def throttled(scene: Scene) -> None:
    scene.faults("* *", fault="throttle", status=429)
    scene.register()
    scene.office.deliver(stop=lambda: bool(scene.canvas.read("calls")["calls"]))


def key_is_gone(scene: Scene) -> None:
    scene.register()
    scene.office.canvases.keys = MultiFernet([Fernet(Fernet.generate_key())])


def section_is_gone(scene: Scene) -> None:
    late = scene.canvas.ids["section.art.late"]
    scene.office.associate(scene.art, "art", late)
    scene.canvas.admin.delete(f"{scene.canvas.api}/sections/{late}", timeout=10).raise_for_status()
    scene.register()


def user_is_gone(scene: Scene) -> None:
    """The SIS ID belongs to a user who was deleted; Canvas keeps it for them."""
    scene.no_user()
    account = f"accounts/{scene.canvas.ids['account.root']}"
    form = {"user[name]": "Lou", "pseudonym[unique_id]": "old", "pseudonym[sis_user_id]": "L-9"}
    old = scene.canvas.hand("POST", f"{account}/users", **form)
    scene.canvas.hand("DELETE", f"{account}/users/{old['id']}")
    scene.register()
    scene.correct(sis_user_id="L-9")


def unpublished(scene: Scene) -> None:
    scene.course("claim")
    scene.associate(str(scene.canvas.ids["course.art"]))
    scene.register()


def no_account(scene: Scene) -> None:
    scene.no_user()
    load_settings(scene.office.session).create_users = False
    scene.office.session.commit()
    scene.register()


def was_there(scene: Scene) -> None:
    scene.canvas.options(clock_offset_seconds=-3600)
    enroll_by_hand(scene.canvas, "lou", "art")
    scene.canvas.options(clock_offset_seconds=0)
    scene.register()
    scene.office.deliver()
    scene.withdraw()


def two_of_one(scene: Scene) -> None:
    """Somebody with Lou's email was registered by the office, and the two are not known to be one person."""
    scene.office.register(scene.office.course("CHEM", "bio"), "lou", key=None)
    scene.office.deliver()
    scene.register()


def removed_by_hand(scene: Scene) -> None:
    scene.register()
    scene.office.deliver()
    row = next(row for login, _, row, _, _ in scene.canvas.rows() if login == "lou@example.org")
    scene.canvas.hand("DELETE", f"courses/{scene.canvas.ids['course.art']}/enrollments/{row}", task="delete")
    scene.office.recheck("art")


def blueprint(scene: Scene) -> None:
    scene.office.associate(scene.art, "blue")
    scene.register()


def refused(scene: Scene) -> None:
    scene.faults(f"POST /courses/{scene.canvas.ids['course.art']}/", fault="status", status=422)
    scene.register()
    scene.office.deliver()
    assert "we keep trying automatically" in scene.get(scene.lou, "/courses/ART")
    assert "We try again automatically, less and less often." in scene.causes()
    for _ in range(retry.TRIES - 1):
        scene.office.later(minutes=20)
        scene.office.deliver()


def unforeseen(scene: Scene) -> None:
    scene.register()
    with scene.monkeypatch.context() as patch:
        patch.setattr(CanvasClient, "search_users", lambda *_: 1 / 0)
        scene.office.deliver()


def unknown_course(scene: Scene) -> None:
    typed = Association(connection_id=1, canvas_course="sis_course_id:NOPE", look_up_at=scene.office.now)
    courses.associate(scene.office.session, scene.art, typed, scene.office.now)
    scene.office.session.commit()
    scene.register()


def without(*permissions: str) -> Callable[[Scene], object]:
    def reach(scene: Scene) -> None:
        scene.canvas.options(permissions={"without": [*permissions, "manage_students"]})
        scene.register()

    return reach


def after(act: Callable[[Scene], object]) -> Callable[[Scene], object]:
    """Something happens in Canvas, then Lou registers."""

    def reach(scene: Scene) -> None:
        act(scene)
        scene.register()

    return reach


def try_again(**group: str) -> Callable[[Scene], object]:
    return lambda scene: scene.post(scene.admin, "/tools/canvas/try-again", **group)


def mended(mend: Callable[[Scene], object], press: Callable[[Scene], object]) -> Callable[[Scene], object]:
    return lambda scene: (mend(scene), press(scene))


@dataclass(frozen=True)
class Life:
    """One line: what the clerk reads is `CAUSES[cause].title` and `clerk`; `others`: Kim gets in meanwhile."""

    cause: str
    reach: Callable[[Scene], object]
    clerk: str
    participant: str
    heal: Callable[[Scene], object]
    others: bool = True
    afterwards: str = "You are in the Canvas course."


OFFICE = "Your place is safe. The office has to sort something out in Canvas before you can get in."


def in_bio(scene: Scene) -> None:
    scene.associate(str(scene.canvas.ids["course.bio"]))


CAUSES_OF_LIFE = [
    Life(
        "canvas_down",
        after(lambda scene: scene.canvas.options(down=True)),
        "There is nothing to do: people can still register",
        "Your place is safe. Canvas is not answering at the moment; you will be added as soon as it is back.",
        lambda scene: scene.canvas.options(down=False),
        others=False,
    ),
    Life(
        "address_refused",
        after(lambda scene: scene.look_private(allowed=False)),
        "is inside a private network. The token is not sent there.",
        OFFICE,
        lambda scene: scene.look_private(allowed=True),
        others=False,
    ),
    Life(
        "throttled",
        throttled,
        "There is nothing to do: everything is being sent, as fast as Canvas allows.",
        "Your place is safe. Canvas is busy at the moment, so adding you takes a little longer.",
        Scene.no_faults,
        others=False,
    ),
    Life(
        "token_dead",
        after(lambda scene: scene.canvas.options(token="revoked")),
        "Make a new one there and paste it into Course Settings",
        OFFICE,
        mended(lambda scene: scene.canvas.options(token="active"), try_again()),
        others=False,
    ),
    Life(
        "token_unreadable",
        key_is_gone,
        "Paste the token into Course Settings again",
        OFFICE,
        lambda scene: scene.office.connect(),
        others=False,
    ),
    Life(
        "permission_missing",
        without("add_student_to_course"),
        "the role of the token's owner needs the permission “Users - Students”, add.",
        OFFICE,
        lambda scene: scene.canvas.options(permissions=None),
        others=False,
    ),
    Life(
        "root_id_wrong",
        after(lambda scene: scene.faults("GET /accounts/", fault="status", status=404)),
        "Check the Canvas root ID in Course Settings",
        OFFICE,
        Scene.no_faults,
    ),
    Life(
        "course_missing",
        after(lambda scene: scene.course("delete")),
        "open our course and associate it with another one",
        OFFICE,
        in_bio,
    ),
    Life(
        "section_missing",
        section_is_gone,
        "Open our course and choose another section.",
        OFFICE,
        lambda scene: scene.associate(str(scene.canvas.ids["course.art"])),
    ),
    Life(
        "user_missing",
        user_is_gone,
        "Restore the user in Canvas, or correct the participant's email or SIS ID here",
        OFFICE,
        Scene.correct,
    ),
    Life(
        "course_closed_to_students",
        blueprint,
        "It is a blueprint course or a course template in Canvas, and those take no students.",
        OFFICE,
        in_bio,
    ),
    Life(
        "course_concluded",
        after(lambda scene: scene.course("conclude")),
        "move its end date or un-conclude it",
        OFFICE,
        lambda scene: scene.course("offer"),
    ),
    Life(
        "course_unpublished",
        unpublished,
        "can't enter it until somebody publishes it in Canvas",
        "You are enrolled. The Canvas course is not open yet: you can enter as soon as the teacher publishes it.",
        lambda scene: scene.course("offer"),
    ),
    Life(
        "who_is_it",
        after(lambda scene: scene.user("other", address="lou@example.org")),
        "Choose who it is, or that it is none of them.",
        OFFICE,
        lambda scene: scene.post(
            scene.admin,
            f"/tools/canvas/{scene.seat_id()}/choose",
            canvas_user_id=scene.canvas.ids["user.lou"],
        ),
    ),
    Life(
        "same_user",
        two_of_one,
        "Say whether they are one person, or whose user it is.",
        OFFICE,
        lambda scene: scene.answer("choose", canvas_user_id=scene.canvas.ids["user.lou"], same_person="1"),
    ),
    Life(
        "changed_in_canvas",
        removed_by_hand,
        "We do not fight that: put it back as registered here, or leave it as it is in Canvas.",
        "Your place is safe. You were removed from the Canvas course, in Canvas itself. The office decides about it.",
        lambda scene: scene.answer("hand", answer="put_back"),
    ),
    Life(
        "no_account",
        no_account,
        "Create one in Canvas with this email as login, and we will find it; or let us create users.",
        "Your place is safe. The office has to create a Canvas account for you before you can get in.",
        lambda scene: scene.user("lou@example.org"),
    ),
    Life(
        "found_there",
        was_there,
        "This enrollment was there before us, so a withdrawal does not remove it. Decide whether it stays.",
        "You have withdrawn. You were in the Canvas course before; the office decides whether you stay in it.",
        lambda scene: scene.post(scene.admin, f"/tools/canvas/{scene.seat_id()}/decide", answer="keep"),
        afterwards="You have withdrawn. You were in the Canvas course before, and stay in it.",
    ),
    Life(
        "refused",
        refused,
        "Canvas's answer is shown beside each person. Correct what it names, then try again.",
        OFFICE,
        mended(Scene.no_faults, try_again(cause="refused")),
    ),
    Life(
        "no_answer",
        after(lambda scene: scene.faults("POST /courses/*/enrollments", fault="status", status=500)),
        "Canvas works, and fails at this:",
        "Your place is safe. We are adding you to Canvas, and we keep trying automatically.",
        Scene.no_faults,
        others=False,
    ),
    Life(
        "our_fault",
        unforeseen,
        "There is nothing to do in Canvas. We keep trying",
        "Your place is safe. We are adding you to Canvas, and we keep trying automatically.",
        lambda scene: None,
    ),
    Life(
        "not_looked_up",
        unknown_course,
        "Canvas has no course sis_course_id:NOPE, or the token may not see it.",
        "Your place is safe. We are adding you to Canvas, and we keep trying automatically.",
        in_bio,
    ),
]


@pytest.mark.parametrize("life", CAUSES_OF_LIFE, ids=lambda life: life.cause)
def test_a_cause_is_told_to_clerk_and_participant_and_heals(office, canvas, monkeypatch, life):
    scene, title = Scene(office, canvas, monkeypatch), CAUSES[life.cause].title
    life.reach(scene)
    if life.cause not in ("throttled", "our_fault"):
        office.deliver()
    told = scene.causes()
    assert title in told
    assert life.clerk in told
    assert life.participant in scene.get(scene.lou, "/courses/ART")
    assert life.participant in scene.get(scene.lou, "/my/courses")
    assert canvas.roster("bio").get("kim@example.org") == ("active" if life.others else None)

    life.heal(scene)
    for minutes in (16, 1):
        office.later(minutes=minutes)
        office.deliver()
    assert title not in scene.causes()
    assert life.afterwards in scene.get(scene.lou, "/courses/ART")
    assert canvas.roster("bio")["kim@example.org"] == "active"
    assert {"active"} & {canvas.roster(name).get("lou@example.org") for name in ("art", "bio")}


def test_every_cause_is_lived_through():
    # "other_canvas" is shown where the Canvas in use is changed, in test_a_course_left_in_another_canvas_is_told;
    # "canvas_restored" holds endings, in test_nobody_is_removed_from_a_restored_canvas_before_it_was_read.
    assert {life.cause for life in CAUSES_OF_LIFE} | {"other_canvas", "canvas_restored"} == CAUSES.keys()


def test_nobody_is_removed_from_a_restored_canvas_before_it_was_read(office, canvas, monkeypatch):
    scene, title = Scene(office, canvas, monkeypatch), CAUSES["canvas_restored"].title
    scene.register()
    office.deliver()
    canvas.snapshot()
    office.register(office.course("BIO-2", "bio"), "max")
    office.deliver()
    canvas.restore()
    # Max's enrollment is unknown now, so Canvas was restored. That of ART can't be read for a while.
    scene.faults(f"GET /courses/{canvas.ids['course.art']}/enrollments", fault="status", status=500)
    office.later(minutes=1)
    office.recheck("bio")
    office.deliver()
    scene.withdraw()
    office.deliver()
    assert title in scene.causes()
    assert "Nobody is removed until that is done; it then goes on automatically." in scene.causes()
    assert "You have withdrawn. We are checking everything with Canvas." in scene.get(scene.lou, "/courses/ART")
    assert title in scene.get(scene.admin, "/tools/courses/ART")
    assert canvas.who_is_in("art") == {"lou@example.org"}

    scene.no_faults()
    office.later(minutes=16)
    office.deliver()
    assert title not in scene.causes()
    assert canvas.who_is_in("art") == set()
    assert "Your access to the Canvas course has ended." in scene.get(scene.lou, "/courses/ART")


def test_a_course_left_in_another_canvas_is_told(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    scene.register()
    form = {
        "display_canvas": "y",
        "canvas_url": canvas.api.replace("127.0.0.1", "localhost"),
        "canvas_token": canvas.token,
        "canvas_root_id": str(canvas.ids["account.root"]),
    }
    form["confirm"] = f"{form['canvas_url']} {form['canvas_root_id']}"
    scene.post(scene.admin, "/tools/settings/course-settings", **form)
    assert CAUSES["other_canvas"].title in (told := scene.causes())
    assert "ART here" in told
    assert OFFICE in scene.get(scene.lou, "/courses/ART")
    scene.associate(str(canvas.ids["course.art"]))
    office.deliver()
    assert "ART here" not in scene.causes()
    assert canvas.roster("art") == {"lou@example.org": "active"}


# -- what is known of a Canvas course ---------------------------------------------------------------------------------


def test_a_canvas_course_is_looked_at_once_a_day_and_more_often_only_while_it_is_shut(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    look = [f"GET /courses/{canvas.ids['course.art']}"]

    def looks() -> list[str]:
        return [call for call in office.deliver() if not call.endswith("/enrollments")]

    scene.associate(str(canvas.ids["course.art"]))
    scene.register()
    office.deliver()
    office.later(hours=23)
    assert looks() == []
    scene.course("claim")
    canvas.calls()
    office.later(hours=2)
    assert looks() == look
    assert "not open yet" in scene.get(scene.lou, "/courses/ART")
    assert "1 person" in scene.causes()
    assert looks() == []
    office.later(minutes=16)
    assert looks() == look

    # The teacher publishes it, and the clerk does not want to wait.
    scene.course("offer")
    canvas.calls()
    assert "Looking again at 1 Canvas course." in scene.post(
        scene.admin, "/tools/canvas/try-again", cause="course_unpublished"
    )
    office.later(minutes=1)
    assert looks() == look
    assert "You are in the Canvas course." in scene.get(scene.lou, "/courses/ART")

    # Nobody looks at a course that is over; and Canvas away is no reason to forget what is known.
    office.later(days=2)
    canvas.options(down=True)
    office.deliver()
    canvas.options(down=False)
    office.later(minutes=2)
    office.deliver()
    assert "You are in the Canvas course." in scene.get(scene.lou, "/courses/ART")
    scene.art.cancelled_at = office.now
    office.session.commit()
    canvas.calls()
    office.later(days=2)
    assert looks() == []


# -- asking to try again ----------------------------------------------------------------------------------------------


def many_held(scene: Scene) -> None:
    scene.canvas.options(permissions={"without": ["add_student_to_course", "manage_students"]})
    for course in (scene.art, scene.office.course("ART-2", "art")):
        for number in range(3):
            scene.office.register(course, f"{course.code.lower()}-{number}")
    scene.office.deliver()
    scene.canvas.options(permissions=None)
    scene.canvas.calls()


def test_a_course_is_tried_again_and_no_other(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    many_held(scene)
    page = scene.get(scene.admin, "/tools/courses/ART")
    assert "3 people wait for you: see why" in page
    assert "Try again for everybody" in page
    assert "Trying again for 3 people." in scene.post(scene.admin, "/tools/courses/ART/try-again")
    assert [seat.held for seat in office.seats()] == [True, False, False, False, True, True, True]
    entry = office.session.scalars(select(LogEntry).where(LogEntry.what == "tried again")).one()
    assert (entry.who, entry.words, entry.course_id) == ("boss@example.org", "For 3 people.", scene.art.id)
    office.deliver()
    assert (office.status()["seats"]["enrolled"], office.status()["seats"]["held"]) == (3, 4)
    assert "There is nothing to try again for 0 people." in scene.post(scene.admin, "/tools/courses/ART/try-again")


@pytest.mark.parametrize("where", ["/tools/courses/ART/try-again", "person", "/tools/canvas/try-again"])
def test_while_all_of_canvas_waits_trying_again_says_so_and_asks_canvas_at_once(office, canvas, monkeypatch, where):
    scene = Scene(office, canvas, monkeypatch)
    scene.register()
    canvas.options(token="revoked")
    for _ in range(9):
        office.later(minutes=20)
        office.deliver()
    assert office.deliver() == []
    canvas.options(token="active")
    lou = office.session.scalars(select(Participant).where(Participant.email == "lou@example.org")).one()
    where = f"/tools/participants/{lou.id}/try-again" if where == "person" else where
    told = scene.post(scene.admin, where)
    assert "Everybody waits: Canvas no longer accepts the token. We are asking Canvas again now." in told
    office.deliver()
    assert canvas.roster("art") == {"lou@example.org": "active"}


def test_only_an_answer_helps_where_one_is_asked_for(office, canvas, monkeypatch):
    scene = Scene(office, canvas, monkeypatch)
    was_there(scene)
    office.deliver()
    g.pop("_login_user", None)
    page = scene.admin.get("/tools/canvas").text
    causes = page.partition("Everybody's access")[0]
    assert 'href="/tools/canvas?standing=found_there#people"' in causes
    assert not re.search(r'name="cause" value="found_there"', causes)
    scene.post(scene.admin, "/tools/canvas/try-again")
    assert [seat.cause for seat in office.seats()].count("found_there") == 1
