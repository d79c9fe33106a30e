"""Somebody who knows every address of a small office, and sends anything to each."""

import io
from urllib.parse import urlencode, urlsplit

from flask import Flask
from sqlalchemy import select

from ascriptica_plugin.standalone.accounts.tables import Account
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.ledger import Seat
from ascriptica_plugin.tables.office import LogEntry, Participant, Registration

from ..office_at_work import Office, sign_in
from .forms_read import Form, looked_at


class Visitor:
    """Somebody signed in, who knows every address that there is in a small office."""

    def __init__(self, office: Office, admin: bool):
        self.app: Flask = office.app
        self.client = office.app.test_client()
        sign_in(self.client, office.app, "boss@example.org" if admin else "pat@example.org", admin=admin)
        session = office.session
        self.values = {
            "code": "ART",
            "participant_id": session.scalars(select(Participant.id)).first(),
            "registration_id": session.scalars(select(Registration.id)).first(),
            "seat_id": session.scalars(select(Seat.id)).first(),
            "account_id": session.scalars(select(Account.id)).first(),
            "import_id": session.scalars(select(Import.id)).first(),
            "entry_id": session.scalars(select(LogEntry.id)).first(),
        }
        session.commit()
        self.met: set[str] = set()

    def rules(self, method: str) -> list:
        return [
            rule
            for rule in self.app.url_map.iter_rules()
            if method in rule.methods and not rule.endpoint.endswith("static")
        ]

    def address(self, rule, **values: object) -> str:
        known = {name: self.values.get(name, "x") for name in rule.arguments}
        with self.app.test_request_context():
            return self.app.url_map.bind("localhost").build(rule.endpoint, known | values)

    def forms(self) -> list[Form]:
        """Every form on every page, each once."""
        found = {}
        for rule in self.rules("GET"):
            path = self.address(rule)
            page = looked_at(self.client.get(path), path)
            for form in page.forms if page else []:
                found[form.method, form.action, *sorted(form.names)] = form
        # A course that is cancelled shows no form for new people any more.
        last = sorted(found.values(), key=lambda form: "cancel" in form.action)
        return [form for form in last if "sign-out" not in form.action]

    def send(self, form: Form, **values: str | bytes):
        """Send a form with these values, and look at the answer."""
        sent = form.names | values
        what = (form.method, form.action, {name: value[:60] for name, value in values.items()})
        data = urlencode(sent, encoding="utf-8", errors="surrogatepass")
        if form.method == "get":
            return looked_at(self.client.get(f"{form.action}?{data}"), what)
        self.met.add(self.app.url_map.bind("localhost").match(urlsplit(form.action).path, method="POST")[0])
        if form.file:
            upload = dict(form.names)
            text = next(iter(values.values()), "")
            content = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
            answer = self.client.post(form.action, data=upload | {"file": (io.BytesIO(content), "a.csv")})
        else:
            answer = self.client.post(form.action, data=data, content_type="application/x-www-form-urlencoded")
        page = looked_at(answer, what)
        if answer.status_code == 422:
            assert page.errors, what
            again = [one for one in page.forms if one.action == form.action and form.typed <= one.typed]
            assert again, what
            if not form.file:
                self._is_kept(form, values, again, what)
        return page

    def _is_kept(self, form: Form, values: dict[str, str | bytes], again: list[Form], what: object) -> None:
        for name in form.typed & values.keys():
            typed = values[name]
            # A password, a token and a secret are never sent back.
            is_secret = any(word in name for word in ("password", "token", "secret"))
            if is_secret or isinstance(typed, bytes) or not typed.isprintable():
                continue
            shown = [one.names[name] for one in again]
            # A text that can be read as Canvas's address is shown tidied.
            is_tidy = name == "canvas_url" and shown[0].endswith("/api/v1")
            assert is_tidy or any(typed.strip() in value for value in shown), (name, what)
