"""Somebody at a browser, for web processes that are real."""

import re
from collections.abc import Callable

import requests

from .office_at_work import PASSWORD


class Visitor:
    """Goes to the web process that is said to serve, and sends the form of a page with its hidden fields."""

    def __init__(self, where: Callable[[], str]):
        self.where, self.session = where, requests.Session()
        self.session.trust_env = False

    def sign_in(self, email: str, password: str = PASSWORD) -> requests.Response:
        return self.post("/sign-in", email=email, password=password)

    def get(self, path: str, **query: str) -> requests.Response:
        return self.session.get(f"{self.where()}{path}", params=query, timeout=120)

    def post(self, path: str, *, page: str | None = None, files: dict | None = None, **form: str) -> requests.Response:
        """Send the form on this page, or on the page with the same address."""
        url = self.where()
        shown = self.session.get(f"{url}{page or path}", timeout=120)
        if shown.status_code == 503:
            # The database is busy, and the page says to come again.
            return shown
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', shown.text)
        form["csrf_token"] = token[1] if token else ""
        return self.session.post(f"{url}{path}", data=form, files=files, timeout=120, headers={"Referer": url})
