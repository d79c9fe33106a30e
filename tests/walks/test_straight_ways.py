"""On SQLite, which keeps no statistics of ours, what a drain asks for one person goes through nobody else's rows."""

import re

import pytest
from sqlalchemy import event

from ..masses import PEOPLE, everybody, in_steps

THROUGH_ALL = re.compile(r"(SEARCH|SCAN) ascriptica_(row|canvas_user)\w*( USING INDEX \w+ \(connection_id=\?\))?$")


@pytest.mark.parametrize("kept_app", ["sqlite"], indirect=True)
def test_no_statement_goes_through_all_rows_of_a_connection(school, canvas):
    engine, asked = school.session.get_bind(), {}

    def note(connection, cursor, statement, parameters, context, many):
        # A statement that looks for some rows out of all has a limit.
        if not many and statement.startswith("SELECT") and "LIMIT" not in statement.rpartition(")")[2]:
            asked.setdefault(re.sub(r"\?(, \?)+", "?", statement), (statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    course = school.course("ART", "art")
    everybody(school, course)
    in_steps(school, until_minutes=4)
    for who in PEOPLE[:8]:
        school.withdraw(course, who, sis_user_id=who.upper())
    in_steps(school, until_minutes=4)
    for who in PEOPLE[:2]:
        school.register(course, who, sis_user_id=who.upper())
    school.settle()
    school.withdraw(course, PEOPLE[0], sis_user_id=PEOPLE[0].upper())
    school.settle()
    event.remove(engine, "before_cursor_execute", note)
    assert school.status()["seats"]["enrolled"] == 5
    assert any("ascriptica_row.seat_id = ?" in statement for statement in asked), "the rows that a seat leaves"
    connection = school.session.connection()
    for statement, parameters in asked.values():
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        assert [step for *_, step in plan if THROUGH_ALL.match(step)] == [], statement
