"""What a host's code does through `ascriptica_plugin.office` leaves in the tables what our own pages leave."""

import shutil
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from ascriptica_plugin import Person, office
from ascriptica_plugin.office.hosts import BY_HOST
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.columns import Base

from ..office_at_work import Office, in_use, make_app, sign_in, someone
from ..pages import new_course

Page, Call = Callable[[FlaskClient], object], Callable[[Office], object]

SIGNED_IN = "account:1"
KIM = {"name": "Kim Lee", "email": "kim.lee@example.org", "sis_user_id": "K-1"}
SAME: dict[str, tuple[Page, Call]] = {
    "register": (
        lambda kim: kim.post("/courses/BIO/register"),
        lambda here: office.register(here.session, "bio", someone("kim", key=SIGNED_IN)),
    ),
    "withdraw": (
        lambda kim: kim.post("/courses/ART/withdraw"),
        lambda here: office.withdraw(here.session, "ART", someone("kim", key=SIGNED_IN)),
    ),
    "associate": (
        lambda boss: boss.post("/tools/courses/ART/edit", data=new_course(title="ART here", canvas_course="42")),
        lambda here: office.associate(here.session, "ART", "42"),
    ),
    "end the association": (
        lambda boss: boss.post("/tools/courses/OLD/edit", data=new_course(code="OLD", title="OLD here")),
        lambda here: office.associate(here.session, "OLD", None),
    ),
    "update_person": (
        lambda boss: boss.post("/tools/participants/1", data=KIM),
        lambda here: office.update_person(here.session, Person("kim", **KIM)),
    ),
    "erase_person": (
        lambda boss: boss.post("/tools/participants/1/erase", data={"end_access": "y", "name": "Kim"}),
        lambda here: office.erase_person(here.session, "kim"),
    ),
}
BY_THE_PERSON = {"register", "withdraw"}
NOT_OF_THE_OFFICE = ("ascriptica_account", "ascriptica_tries")
"""Tables of sign-ins, and how often somebody pressed a button."""


def left(here: Office) -> dict[str, list[str]]:
    """All rows of the office's tables, except for the language, which is that of the browser where a page was used."""
    here.session.rollback()
    shown = {
        name: select(*(column for column in table.c if column.name != "language"))
        for name, table in Base.metadata.tables.items()
        if not name.startswith(NOT_OF_THE_OFFICE)
    }
    return {
        name: sorted(str(row).replace(BY_HOST, "boss@example.org") for row in here.session.execute(which))
        for name, which in shown.items()
    }


@pytest.mark.parametrize("what", SAME)
def test_a_page_and_the_host_s_call_store_the_same(what, empty_sqlite, tmp_path, monkeypatch):
    now = clock.utc_now()
    monkeypatch.setattr(clock, "utc_now", lambda: now)
    found = []
    for way in range(2):
        path = shutil.copy(empty_sqlite, tmp_path / f"{way}.sqlite3")
        with in_use(make_app(f"sqlite:///{path}")) as app:
            here = Office(app, None)
            here.now = now
            client = app.test_client()
            sign_in(client, app, "kim@example.org" if what in BY_THE_PERSON else "boss@example.org", admin=True)
            load_settings(here.session).display_canvas = True
            here.course("BIO")
            for course in (here.course("ART"), here.course("OLD")):
                here.register(course, key=SIGNED_IN if what in BY_THE_PERSON else "kim")
            office.associate(here.session, "OLD", "7")
            here.session.commit()
            before = left(here)
            SAME[what][way]([client, here][way])
            here.session.commit()
            found.append(left(here))
            assert found[-1] != before
    assert found[0] == found[1]
