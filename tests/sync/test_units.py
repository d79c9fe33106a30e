"""A unit of work that collides with another one is repeated, and no request is sent twice."""

import pytest
from sqlalchemy import text

from ascriptica_plugin.sync import storing

from ..office_at_work import many
from ..practice_canvas import posts


@pytest.fixture
def kept_app(app_on_postgresql, postgresql):
    return app_on_postgresql


@pytest.mark.parametrize("code", ["40001", "40P01", "55P03"], ids=["in the way", "deadlock", "lock not had in time"])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_unit_that_meets_a_deadlock_is_repeated(office, canvas, monkeypatch, code, turn):
    """PostgreSQL itself refuses one unit, at any of the first turns."""
    store, turns = storing.store, []

    def in_the_way(session, *args):
        turns.append(None)
        if len(turns) == turn:
            session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$"))
        store(session, *args)

    monkeypatch.setattr(storing, "store", in_the_way)
    many(office, office.course("ART", "art"), 12)
    calls = office.deliver()
    office.settle(rounds=2, minutes=3)
    assert len(turns) > turn
    assert len(canvas.who_is_in("art")) == 12
    of_art = f"POST /courses/{canvas.ids['course.art']}/enrollments"
    assert posts(calls).count(of_art) == 12
    assert office.status()["seats"]["enrolled"] == 12
