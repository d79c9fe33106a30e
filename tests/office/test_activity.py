"""The activity log: what is written in it."""

from ascriptica_plugin.tables.office import LogEntry


def test_every_change_is_in_the_log_and_no_secret(office, canvas):
    course = office.course("ART", "art")
    office.register(course)
    office.deliver()
    office.withdraw(course)
    office.deliver()
    entries = office.session.query(LogEntry).order_by(LogEntry.id).all()
    assert [(entry.who, entry.what) for entry in entries] == [
        ("kim@example.org", "registered"),
        ("Ascriptica", "enrolled in Canvas"),
        ("kim@example.org", "withdrew"),
        ("Ascriptica", "ended in Canvas"),
    ]
    assert canvas.token not in "".join(entry.words for entry in entries)
