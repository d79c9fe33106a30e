"""Kim and an administrator, each at a browser, and what they read of Kim's access to Canvas."""

import html
import re

import pytest
from flask import g
from flask.testing import FlaskClient

from ..office_at_work import Office, sign_in
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
