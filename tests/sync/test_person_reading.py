"""A look at a person asks by its number for what a list does not show."""

from sqlalchemy import update

from ascriptica_plugin.tables.ledger import Match


def test_an_enrollment_that_a_person_s_list_lacks_is_asked_for_by_its_number(office, canvas):
    """Canvas came back from a backup, without Kim's place in ART."""
    course = office.course("ART", "art")
    office.register(office.course("BIO", "bio"))
    office.deliver()
    canvas.snapshot()
    office.register(course)
    office.deliver()
    office.later(days=1)
    canvas.restore()
    office.session.execute(update(Match).values(look_at=office.now))
    office.session.commit()
    office.deliver()
    assert canvas.who_is_in("art") == {"kim@example.org"}
