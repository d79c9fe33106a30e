"""A clerk, a participant and Canvas, as they meet when something goes wrong."""

import pytest
from flask import g

from ascriptica_plugin.sync.clients import Canvases

from ..office_at_work import Office, sign_in
from ..pages import confirm_preview, new_course, words
from ..practice_canvas import Practice
from .cards import Clerk


class Scene:
    """An administrator and Lou at their browsers, the office, and Canvas."""

    def __init__(self, office: Office, canvas: Practice, monkeypatch: pytest.MonkeyPatch):
        self.office, self.canvas, self.monkeypatch = office, canvas, monkeypatch
        self.admin, self.lou = office.app.test_client(), office.app.test_client()
        sign_in(self.admin, office.app, "boss@example.org", admin=True)
        sign_in(self.lou, office.app, "lou@example.org")
        self.clerk = Clerk(self.admin)
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
        """What waits and why, as the overview says it."""
        return self.get(self.admin, "/tools/").partition("Canvas and the worker")[0]

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

    def dates(self, **dates: str) -> None:
        """Give the Canvas course of ART other dates, which restrict who may enter."""
        form = {f"course[{name}]": value for name, value in dates.items()}
        where = f"courses/{self.canvas.ids['course.art']}"
        self.canvas.hand("PUT", where, **form, **{"course[restrict_enrollments_to_course_dates]": "true"})

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
        self.office.canvases = Canvases(
            self.office.canvases.keys, allow_private=allowed, mass_seats=self.office.canvases.mass_seats
        )

    def no_faults(self) -> None:
        self.canvas.session.delete(f"{self.canvas.url}/practice/faults", timeout=10)

    def associate(self, canvas_course: str) -> None:
        typed = new_course(title="ART here", canvas_course=canvas_course)
        page = self.post(self.admin, "/tools/courses/ART/edit", **typed)
        if "except for its Canvas course" in page:
            self.office.deliver()
            page = words(confirm_preview(self.admin, "ART"))
        assert "ART here is saved." in page


def was_there(scene: Scene) -> None:
    scene.canvas.by_hand_before("lou", "art")
    scene.register()
    scene.office.deliver()
    scene.withdraw()
