"""A clerk at a card of the overview, who follows its link and does there what cures the cause: nothing is sent but the
forms of the pages that the links lead to."""

import html
import re
from urllib.parse import urldefrag, urljoin

from flask import g
from flask.testing import FlaskClient

from ascriptica_plugin.ledger.causes import CAUSES

from ..pages import words
from .forms_read import Form, Page

WITHOUT_LIST = {"address_refused", "key_refused", "not_looked_up", "token_dead", "token_unreadable"}
"""These hold everybody up, or a course, rather than people of a list."""


class Clerk:
    """An administrator's browser. `page` is where they are, `words` what they read there; `followed`: the links."""

    def __init__(self, browser: FlaskClient):
        self.browser = browser
        self.page, self.text, self.words = Page("", "/"), "", ""
        self.followed: list[str] = []

    def go(self, address: str) -> None:
        """Open a page, which has the place that the address names."""
        path, place = urldefrag(address)
        g.pop("_login_user", None)
        self._came(self.browser.get(path, follow_redirects=True))
        assert not place or place in self.page.ids, address

    def _came(self, answer) -> None:
        assert answer.status_code == 200, answer.request.path
        self.page, self.text, self.words = Page(answer.text, answer.request.path), answer.text, words(answer)

    def open_card(self, cause: str) -> None:
        """Look at the card of this cause: `page` has its links and its buttons, and nothing else."""
        self.go("/tools/")
        title = html.escape(CAUSES[cause].title, quote=True).replace("&#x27;", "&#39;")
        cards = re.split('<li class="sheet row-sheet cause"', self.text)[1:]
        [its] = [card for card in cards if re.search(rf"<h3[^>]*>{re.escape(title)} ", card)]
        self.page = Page(f"<li{its}", "/tools/")

    def link(self, words: str) -> str:
        """Where the link with these words leads, on the page."""
        [address] = {there for said, there in self.page.links.items() if said.startswith(words)}
        self.followed.append(words)
        return urljoin(self.page.path, address)

    def follow(self, words: str) -> None:
        self.go(self.link(words))

    def leads_to_people(self, cause: str) -> None:
        """The people whom the card's link promises are there."""
        self.open_card(cause)
        lists = [there for said, there in self.page.links.items() if said.startswith("Show people:")]
        assert bool(lists) != (CAUSES[cause].asks or cause in WITHOUT_LIST), lists
        for there in lists:
            self.go(there)
            assert "Nobody matches." not in self.words

    def fill(self, field: str, button: str = "Save", **typed: str) -> None:
        """Type into the form with this field, which the rest is sent along with as it stands there."""
        [form] = [form for form in self.page.forms if field in form.ids]
        assert typed.keys() <= form.names.keys() | form.typed, "no such field"
        self._send(form, button, typed)

    def press(self, button: str) -> None:
        """Press a button that stands for itself. Of several alike, the first."""
        form = next(form for form in self.page.forms if _called(form, button) is not None)
        self._send(form, button, {})

    def _send(self, form: Form, button: str, typed: dict[str, str]) -> None:
        pressed = _called(form, button)
        assert pressed is not None, f"no button {button}"
        g.pop("_login_user", None)
        self._came(self.browser.post(form.action, data=form.names | pressed | typed, follow_redirects=True))


def _called(form: Form, button: str) -> dict[str, str] | None:
    """What the button with these words sends, or None."""
    return next((sent for said, sent in form.buttons.items() if said.startswith(button)), None)
