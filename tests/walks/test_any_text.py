"""Whatever is typed, pasted, uploaded or put into an address: no error of ours, nothing unescaped, nothing lost.

Every form is found by walking the pages, and every view that takes a form must have been met on the way.
"""

import csv
import gc
import io
import socket
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ascriptica_plugin.office.imports import uploads
from ascriptica_plugin.office.imports.header import COLUMNS
from ascriptica_plugin.tables.office import Participant

from ..office_at_work import Office
from ..pages import all_of
from .forms_read import Form, looked_at
from .visitor import Visitor

MARKUP = "\"'><naughty onnaughty=1></textarea></title></option></select><script>naughty()</script>"
NAUGHTY: list[str | bytes] = [
    MARKUP,
    "' onnaughty='1",
    "<!-- <![CDATA[ <?naughty",
    "&lt;naughty&gt;&#60;naughty&#62;",
    "javascript:naughty()",
    "data:text/html,<naughty>",
    "{{ 7 * 191 }}{% raw %}${7*191}#{7*191}<%= 7*191 %>",
    "{0.__class__}%s%n%(x)s",
    "' OR 1=1; DROP TABLE ascriptica_participant; --",
    "%_\\%",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "a\x00b",
    "\x01\x08\x1b[31m\x7f\x85",
    "line\r\nSet-Cookie: naughty=1\r\n\r\nbody",
    "\u202eevil\u2066\u200b\ufeff\u2028\u2029",
    "مرحبا שלום",
    "Z\u0351\u036b\u0343a\u0321\u034al\u0327\u0310g\u0337\u030do" * 20,
    "🎓👩‍👩‍👧" * 40,
    "\ud800 alone",
    "ﷺßİŉ" * 60,
    b"\xff\xfe\xc3\x28\xf0\x90",
    "9" * 400,
    "-1",
    "1e309",
    "NaN",
    "٤٢",
    "9223372036854775808",
    "0001-01-01T00:00",
    "9999-12-31T23:59:59",
    "../../etc/passwd",
    "http://[::1",
    "https://" + "a." * 150 + "example",
    '<a@b.c>, <x@y.z>\n\n,,,\n"unclosed',
    "a@" + "b" * 300 + ".example",
    " ",
    "",
    "x" * 100_000,
    "a " * 2000,
]

ARGUMENTS = ("q", "page", "before", "what", "status", "search", "standing", "next", "confirm")


# Werkzeug's test client leaves the spooled file of a large upload to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected():
    yield
    gc.collect()


@pytest.fixture
def kept_app(app_on_postgresql: Flask, postgresql: str) -> Flask:
    """PostgreSQL alone, which is the stricter one about what a text and a number may be."""
    return app_on_postgresql


# -- the world --------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_names(monkeypatch):
    """Addresses that are typed for Canvas are looked up on this machine only."""
    real = socket.getaddrinfo

    def look_up(name, *args, **more):
        if name not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(name, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def small_office(office: Office, canvas) -> Office:
    """A course, somebody in it, and somebody whom Canvas can't distinguish from others."""
    canvas.seed(
        users={n: {"name": MARKUP, "login": n, "email": "kim@example.org"} for n in ("one", "two")},
        courses={"art": {"name": MARKUP, "sections": {"s": {"name": MARKUP}}}},
    )
    office.connect()
    course = office.course("ART", "art", capacity=50, description=MARKUP)
    course.title = f"=1+1 {MARKUP}"
    office.register(course, "kim", name=f"=Kim {MARKUP}")
    office.deliver()
    data, how = b"email,name\nx@example.org,X\n", {"dry_run": True, "most_rows": 10}
    uploads.start(office.session, "participants", MARKUP, data, office.now, "boss@example.org", **how)
    quoted = MARKUP.replace('"', '""')
    data = f'E-Mail,Nachname,"{quoted}"\nx@example.org,X,\n'.encode()
    uploads.start(office.session, "participants", MARKUP, data, office.now, "boss@example.org", **how)
    all_of(office.app, Participant)[0].sis_user_id_refused = MARKUP
    office.session.commit()
    return office


STATE_OF_ITS_OWN = {
    # Only seen where something has gone wrong, or for somebody else; sent here with what their forms have.
    "ascriptica.try_again": {"cause": "who_is_it", "scope": "", "seat": "1"},
    "ascriptica.try_again_for": {},
    "ascriptica.try_again_for_participant": {},
    "ascriptica.choose_canvas_user": {"canvas_user_id": "1", "new_login": ""},
    "ascriptica.decide_enrollment": {"answer": "keep"},
    "ascriptica.withdraw_on_behalf": {},
    "ascriptica.confirm_columns": {"column-0": "email", "column-1": "name"},
    "ascriptica.decide_sis_id": {"answer": "theirs"},
    "ascriptica.register": {"wait": "1"},
    "ascriptica.withdraw": {},
    "ascriptica.undo_withdrawal": {},
    "ascriptica_accounts.forgotten_password": {"email": "ann@example.org"},
    "ascriptica_accounts.use_link": {"password": "correct horse battery"},
    "ascriptica_accounts.own_sessions": {"which": "x", "password": "correct horse battery"},
    "ascriptica_accounts.give_code": {"code": "123456"},
    "ascriptica_accounts.change_email": {"email": "ann@example.org", "password": "correct horse battery"},
    "ascriptica_accounts.confirm_email": {},
    "ascriptica_accounts.confirm_session": {"own-password": "correct horse battery"},
    "ascriptica.doubt_canvas_user": {},
    "ascriptica.confirm_canvas_user": {},
    "ascriptica.look_at_person": {"participant": "1"},
    "ascriptica.find_canvas_course": {"find": "art", "title": "Art"},
    "ascriptica.import_now": {},
    "ascriptica.refused_rows": {},
    "ascriptica.confirm_removing": {"number": "3", "seen": "x"},
    "ascriptica.confirm_preview": {"number": "3", "seen": "x"},
    "ascriptica.reopen_course": {},
    "ascriptica.decide_result": {"passed": "yes"},
    "ascriptica.put_back": {},
    "ascriptica.confirm_move": {"to": "BIO"},
    "ascriptica.undo": {},
    "ascriptica.try_again_for_course": {},
    "ascriptica.choose_canvas_user_of": {"canvas_user_id": "7", "new_login": "kim"},
    "ascriptica.answer_about_a_hand": {"answer": "leave"},
    "ascriptica_accounts.make_administrator": {},
    "ascriptica_accounts.make_participant": {},
    "ascriptica_accounts.end_sessions": {},
    "ascriptica_accounts.remove_second_step_of": {},
    "ascriptica_accounts.hand_out_confirmation": {},
    "ascriptica_accounts.hand_out_password": {},
}


# -- everything -------------------------------------------------------------------------------------------------------


def test_every_form_takes_anything(small_office, canvas):
    admin = Visitor(small_office, admin=True)
    found = admin.forms()
    assert len([form for form in found if form.typed]) > 10
    for form in found:
        for value in NAUGHTY if form.typed or form.file else NAUGHTY[:1]:
            admin.send(form, **dict.fromkeys(form.typed or {"more"}, value))
    for rule in admin.rules("POST"):
        if rule.endpoint not in admin.met and not rule.endpoint.endswith(".sign_out"):
            # A form that no page showed: say here what it has.
            names = STATE_OF_ITS_OWN[rule.endpoint]
            for value in NAUGHTY if names else NAUGHTY[:1]:
                admin.send(Form(admin.address(rule), "post", names), **dict.fromkeys(names or {"more"}, value))
    # Whatever of it was stored is shown now.
    admin.forms()
    exported = admin.client.post("/tools/courses/ART/roster.csv")
    assert exported.status_code == 200
    cells = [cell for row in csv.reader(io.StringIO(exported.text.removeprefix("\ufeff"))) for cell in row]
    assert any(cell.startswith("'=Kim") for cell in cells)
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def test_each_field_takes_anything_while_the_others_are_right(small_office):
    """The others are right, so that what is odd gets as far as it can."""
    admin = Visitor(small_office, admin=True)
    found = [form for form in admin.forms() if form.method == "post" and form.typed and "sign-" not in form.action]
    fields = [(form, name) for form in found for name in sorted(form.typed)]
    assert len(fields) > 15

    @settings(
        max_examples=60,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(st.sampled_from(fields), st.sampled_from(NAUGHTY) | st.text(max_size=300) | st.binary(max_size=60))
    def send(of, value):
        form, name = of
        admin.send(form, **{name: value})

    send()
    admin.forms()


def test_every_address_takes_anything(small_office):
    # One after the other: the tests' application context knows one person at a time.
    for admin in (True, False):
        visitor = Visitor(small_office, admin=admin)
        assert (visitor.client.get("/tools/log").status_code == 200) == admin
        for rule in visitor.rules("GET"):
            path = visitor.address(rule)
            asked = [dict.fromkeys(ARGUMENTS, value[:2500]) for value in [*NAUGHTY[::4], NAUGHTY[-1]]]
            asked += [{"q": "a", "search": "a", "page": "9" * digits} for digits in (7, 19, 400)]
            for names in asked:
                query = urlencode(names, encoding="utf-8", errors="surrogatepass")
                looked_at(visitor.client.get(f"{path}?{query}"), (path, names))
        for rule in [*visitor.rules("GET"), *visitor.rules("POST")]:
            for name in rule.arguments:
                for value in NAUGHTY[::3] if name.endswith("_id") and name != "sign_up_id" else NAUGHTY:
                    raw = value if isinstance(value, bytes) else value.encode(errors="surrogatepass")
                    path = visitor.address(rule, **{name: 77 if name.endswith("_id") else "seventy-seven"})
                    path = path.replace("seventy-seven", "77").replace("77", quote(raw[:2000], safe=""))
                    method = visitor.client.get if "GET" in rule.methods else visitor.client.post
                    looked_at(method(path), path)


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_every_column_takes_anything(small_office, kind):
    admin, columns = Visitor(small_office, admin=True), COLUMNS[kind]
    right = {"code": "NEW", "title": "New", "email": "new@example.org", "name": "New", "course": "ART"}
    right |= {"status": "registered"}
    table = [columns]
    for name in columns:
        table += [
            [value if other == name else right.get(other, "") for other in columns]
            for value in NAUGHTY
            if isinstance(value, str) and "\ud800" not in value
        ]
    text = io.StringIO()
    csv.writer(text).writerows(table)
    whole = text.getvalue().encode()
    for content in (whole, whole.replace(b"New", b"\xff\xfe"), whole[:-40], whole.replace(b",", b";"), whole[::-1]):
        data = {"kind": kind, "file": (io.BytesIO(content), f"{MARKUP}\x00\x85.csv")}
        answer = admin.client.post("/tools/import", data=data)
        looked_at(answer, kind)
        assert answer.status_code in (200, 422)
    admin.forms()
    assert all_of(small_office.app, Participant)


def test_a_request_that_is_too_large_is_refused(small_office):
    """Ten megabytes in one field, and more fields than any form has."""
    admin = Visitor(small_office, admin=True)
    for form in [form for form in admin.forms() if form.method == "post" and form.typed]:
        large = "x" * 10_000_000
        answer = admin.client.post(form.action, data=form.names | {sorted(form.typed)[0]: large})
        assert answer.status_code == 413, form.action
        assert "too large to send" in answer.text
        parts = {f"n{number}": "" for number in range(5000)}
        answer = admin.client.post(form.action, data=parts, content_type="multipart/form-data")
        assert answer.status_code == 413, form.action
    content = b"email,name\n" + b"x" * 7_000_000
    answer = admin.client.post("/tools/import", data={"kind": "participants", "file": (io.BytesIO(content), "a.csv")})
    assert answer.status_code in (413, 422)
