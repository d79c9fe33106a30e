"""How often something may be tried."""

from datetime import timedelta

from ascriptica_plugin.office import allowances
from ascriptica_plugin.office.allowances import Allowance
from ascriptica_plugin.tables.office import Tries

from ..pages import all_of
from ..standalone.accounts.visitors import NOW


def test_an_allowance_comes_back_with_time(app):
    session = app.extensions["sqlalchemy"].session
    three = Allowance("three", 3, 60)
    assert [allowances.take(session, three, "me", NOW) for _ in range(5)] == [0, 0, 0, 60, 60]
    assert allowances.take(session, three, "you", NOW) == 0
    later = NOW + timedelta(seconds=70)
    assert [allowances.take(session, three, "me", later) for _ in range(2)] == [0, 50]
    allowances.give_back(session, three, "me")
    assert allowances.take(session, three, "me", later) == 0
    allowances.give_all_back(session, three, "me")
    assert [allowances.take(session, three, "me", later) for _ in range(4)] == [0, 0, 0, 60]
    session.commit()
    allowances.forget_old(session, NOW + timedelta(days=1))
    assert all_of(app, Tries) == []
