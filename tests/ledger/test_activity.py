"""The activity log: what is written in it."""

import json

from sqlalchemy import text

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
    stored = office.session.scalars(text("SELECT words FROM ascriptica_log ORDER BY id")).all()
    number = canvas.ids["course.art"]
    assert [json.loads(one) if one else None for one in stored] == [
        None,
        {"code": "there", "course": number},
        None,
        {"code": "there_ended", "course": number, "how": [{"code": "ended_delete"}]},
    ]
    assert entries[3].words == f"Canvas course {number}. Deleted."
