"""The forms of a page, read as a browser reads them, and what no page may have in it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit


@dataclass
class Form:
    action: str
    method: str
    names: dict[str, str] = field(default_factory=dict)
    """The fields' values, those of check boxes that are ticked among them."""
    typed: set[str] = field(default_factory=set)
    """The fields that take free text; choices and hidden ones are fields as well."""
    file: bool = False
    ids: set[str] = field(default_factory=set)
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)
    """What each button sends besides, by its words."""


class Page(HTMLParser):
    """The forms of a page, and everything in it that could only have come from what somebody typed."""

    def __init__(self, text: str, path: str):
        super().__init__()
        self.path, self.forms, self.bad = urlsplit(path).path, [], []
        self.links: dict[str, str] = {}
        """Where each link leads, by its words."""
        self.ids: set[str] = set()
        self._area = self._select = None
        self._in_form, self._pressed, self._words = False, None, ""
        self._script = False
        self.errors = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = dict(attributes)
        self.bad += [tag] if tag in ("naughty", "base", "iframe", "style") else []
        self.bad += [name for name in has if name.startswith("on") or name == "style"]
        self.bad += [
            value for name, value in has.items() if name in ("href", "src", "action") and _leads_astray(value or "")
        ]
        self._script = tag == "script"
        self.errors |= "field-errors" in (has.get("class") or "") or has.get("role") == "alert"
        if tag == "form":
            self.forms.append(Form(has.get("action") or self.path, (has.get("method") or "get").lower()))
            self._in_form = True
        if has.get("id"):
            self.ids.add(has["id"])
            if self._in_form:
                self.forms[-1].ids.add(has["id"])
        if tag in ("a", "button"):
            self._pressed, self._words = has, ""
        name, form = has.get("name"), self.forms[-1] if self.forms else None
        if tag in ("input", "textarea", "select") and name and form:
            kind = has.get("type", "text") if tag == "input" else tag
            if kind == "file":
                form.file = True
            elif kind not in ("checkbox", "radio") or "checked" in has:
                form.names[name] = has.get("value") or ""
            if kind not in ("hidden", "checkbox", "radio", "file", "select"):
                form.typed.add(name)
            self._area = name if tag == "textarea" else None
            self._select = name if tag == "select" else None
        if tag == "option" and "selected" in has and self._select:
            form.names[self._select] = has.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        self._script = False
        if tag == "textarea":
            self._area = None
        if tag == "form":
            self._in_form = False
        if tag == "a" and self._pressed is not None:
            self.links[self._said()] = self._pressed.get("href") or ""
        if tag == "button" and self._pressed is not None and self._in_form:
            name = self._pressed.get("name")
            self.forms[-1].buttons[self._said()] = {name: self._pressed.get("value") or ""} if name else {}

    def _said(self) -> str:
        return " ".join(self._words.split())

    def handle_data(self, data: str) -> None:
        self._words += data
        if self._script and data.strip():
            self.bad.append(data)
        if self._area:
            self.forms[-1].names[self._area] += data


def _leads_astray(address: str) -> bool:
    return address.strip().lower().startswith(("javascript:", "data:", "//", "vbscript:"))


def looked_at(answer, what: object) -> Page | None:
    """The page that was answered, once it is checked for what no answer may have."""
    assert answer.status_code < 500, what
    assert "naughty" not in answer.headers.get("Set-Cookie", ""), what
    if answer.mimetype != "text/html":
        return None
    page = Page(answer.text, answer.request.path)
    assert page.bad == [], what
    assert "1337" not in answer.text, what
    return page
