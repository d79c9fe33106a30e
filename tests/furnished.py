"""An office with something to show on every page, for tests that look at all of them."""

import shutil
from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select, update

from ascriptica_plugin.office import registrations
from ascriptica_plugin.standalone.accounts import accounts, second_step, sign_ups
from ascriptica_plugin.tables.ledger import Match, Seat

from .office_at_work import PASSWORD, Office, in_use, make_app, policy, someone

SECRET = second_step.new_secret()
"""The secret of Sam's second step."""


@pytest.fixture
def furnished(empty_sqlite, tmp_path, canvas) -> Iterator[Office]:
    """An office with something to show on every page. No worker is there, so nothing moves."""
    canvas.seed(
        users={
            "one": {"name": "Kim One", "login": "one@example.org", "email": "kim@example.org"},
            "two": {"name": "Kim Two", "login": "two@example.org", "email": "kim@example.org"},
        },
        courses={"art": {"name": "Art"}, "bio": {"name": "Biology"}},
    )
    path = shutil.copy(empty_sqlite, tmp_path / "office.sqlite3")
    with in_use(make_app(f"sqlite:///{path}", WTF_CSRF_ENABLED=True)) as app:
        office = Office(app, canvas)
        office.connect()
        session, now = office.session, office.now
        ann, sam, _ = (
            accounts.add_account(session, now, f"{name}@example.org", name.title(), PASSWORD, admin=name == "boss")
            for name in ("ann", "sam", "boss")
        )
        # An hour ago, since a code works only once.
        then = now - timedelta(hours=1)
        keys = app.extensions["ascriptica"].canvases.keys
        assert second_step.turn_on(session, sam, SECRET, pyotp.TOTP(SECRET).at(then), keys, then, by_mail=False)
        session.commit()
        people = {who: someone(who) for who in ("kim", "lou", "max")} | {"ann": accounts.person_of(ann)}

        dates = {"starts_at": now + timedelta(weeks=2), "ends_at": now + timedelta(weeks=4)}
        art = office.course("ART", "art", description="Brushes and paper are there.", capacity=9, **dates)
        full, left = office.course("FULL", capacity=1, **dates), office.course("LEFT", "bio")
        office.course("LATE", registration_opens_at=now + timedelta(days=2))
        office.course("OPEN")
        for who, person in people.items():
            registrations.register(session, art, person, now)
            registrations.register(session, full, person, now, wait=who != "kim")
        registrations.register(session, left, people["ann"], now)
        session.commit()
        for name, cause in (("Lou", "found_there"), ("Max", "refused")):
            waits = {"cause": cause, "cause_detail": "Canvas said no.", "held": True}
            session.execute(update(Seat).where(Seat.participant.has(name=name)).values(**waits))
        session.commit()
        office.deliver()
        # Somebody removed by hand in Canvas, somebody invited, and a user to whom two participants lead.
        policy(office, by_invitation=True)
        bio = office.course("BIO", "bio", **dates)
        for who in ("ina", "rob", "ron"):
            registrations.register(session, bio, someone(who), now)
        session.commit()
        office.deliver()
        for name, cause in (("Rob", "changed_in_canvas"), ("Ron", "same_user")):
            waits = {"cause": cause, "cause_scope": "deleted", "held": True, "version": Seat.version + 1}
            session.execute(update(Seat).where(Seat.participant.has(name=name)).values(**waits))
        rob, ron = session.scalars(
            select(Match).where(Match.canvas_name.in_(("Rob", "Ron"))).order_by(Match.canvas_name)
        )
        ron.question, ron.candidates = "same_user", [{"id": rob.canvas_user_id, "name": "Rob", "login_id": "rob"}]
        session.commit()
        registrations.withdraw(session, left, people["ann"], now)
        sign_ups.sign_up(session, now, "new@example.org", "Nora New", "hash", by_mail=False)
        session.commit()
        yield office
