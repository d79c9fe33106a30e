"""People as the office keeps them."""

from sqlalchemy import select

from ascriptica_plugin.tables.office import Participant

from ..office_at_work import Office
from ..pages import all_of


def test_a_name_too_long_for_us_is_cut(app):
    office = Office(app, None)
    office.register(office.course("ART"), "kim", name="n" * 300 + "\x00", sis_user_id="s" * 300)
    assert len(all_of(app, Participant)[0].name) == 255


def test_an_equal_email_never_takes_over_a_participant(here):
    course = here.course()
    here.register(course, "kim", key="one")
    here.register(course, "kim", key="two")
    assert len(set(here.session.scalars(select(Participant.id)))) == 2


def test_a_changed_name_is_brought_up_to_date(here):
    course = here.course()
    here.register(course, "kim")
    here.withdraw(course, "kim", name="Kim Lee-Berg")
    assert here.session.scalars(select(Participant.name)).all() == ["Kim Lee-Berg"]
