"""Reading Canvas courses: what is owed is read once, whoever's clock it was written with."""

from datetime import timedelta

from ascriptica_plugin.ledger import reads
from ascriptica_plugin.tables.canvas import load_settings


def test_a_read_that_was_asked_for_by_a_clock_ahead_of_ours_is_done_once(office, canvas):
    office.course("ART", "art")
    office.deliver()
    connection_id = load_settings(office.session).connection_id
    reads.owe(office.session, connection_id, canvas.ids["course.art"], office.now + timedelta(minutes=3))
    office.session.commit()
    a_read = f"GET /courses/{canvas.ids['course.art']}/enrollments"
    asked = []
    assert office.deliver(stop=lambda: len(asked.append(1) or asked) > 50) == [a_read]
    assert office.deliver() == []
