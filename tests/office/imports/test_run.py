"""An import: dry, in batches, in any order, and one that rings the bell."""

import random
import threading
from contextlib import suppress

import pytest
from sqlalchemy import event

from ascriptica_plugin.office import courses, registrations
from ascriptica_plugin.office.imports import file as csvfile
from ascriptica_plugin.office.imports import run as imports
from ascriptica_plugin.office.places import NotPossible
from ascriptica_plugin.shared import clock
from ascriptica_plugin.tables import locks
from ascriptica_plugin.tables.office import Course, Participant, Registration

from ...office_at_work import Office
from ...pages import all_of
from .files import COURSES, counts, everything, people_of, statuses


def test_an_import_rings_the_bell(office, command, monkeypatch):
    office.course("ART", "art")
    people_of(office.app, "kim")
    rung = []
    monkeypatch.setattr(office.app.extensions["ascriptica"].bell, "ring", lambda: rung.append(1))
    row = "email,course,status\nkim@example.org,ART,registered\n"
    command("registrations", row, "--dry-run")
    assert rung == []
    command("registrations", row)
    assert rung != []
    rung.clear()
    command("registrations", row)
    assert rung == []


def test_capacity_holds_across_batches(app, command, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 3)
    Office(app, None).course("ART", capacity=7)
    people_of(app, *(f"p{n}" for n in range(12)))
    data = "email,course,status\n" + "".join(f"p{n}@example.org,ART,registered\n" for n in range(12))
    for options in (["--dry-run"], []):
        assert counts(command("registrations", data, *options)[1]) == (7, 0, 0, 5)
    assert all_of(app, Course)[0].places_taken == 7


def test_a_dry_run_reports_the_same_and_changes_nothing(app, monkeypatch):
    """The files are random: rows of every kind that are imported, many that are refused, and people who wait."""
    monkeypatch.setattr(imports, "BATCH", 7)
    dice = random.Random(7)
    office = Office(app, None)
    session = office.session
    courses = [office.course(code, capacity=4) for code in ("ART", "BIO", "CHEM")]
    people_of(app, *(f"p{n}" for n in range(12)))
    people = all_of(app, Participant)
    for _ in range(7):
        for course in courses:
            for one in dice.sample(people, 8):
                with suppress(NotPossible):
                    registrations.register(session, course, one, office.now, wait=True)
            # A place that is free while somebody waits, as where a course ended and is held again.
            course.capacity = max(4, course.places_taken) + dice.randrange(2)
        session.commit()
        rows = [
            f"p{dice.randrange(14)}@example.org,{dice.choice(['ART', 'bio', 'Chem', 'NO'])},"
            f"{dice.choice(['registered', 'withdrawn', '?'])}"
            for _ in range(40)
        ]
        rows = csvfile.read("registrations", ("email,course,status\n" + "\n".join(rows)).encode()).rows
        before = everything(app)
        dry = imports.run(session, "registrations", rows, clock.utc_now, "x", dry_run=True)
        assert everything(app) == before
        assert imports.run(session, "registrations", rows, clock.utc_now, "x") == dry
        again = everything(app)
        report = imports.run(session, "registrations", rows, clock.utc_now, "x")
        assert (report.made, report.changed) == (0, 0)
        assert everything(app) == again
        for course in all_of(app, Course):
            live = session.query(Registration).filter_by(course_id=course.id, status="registered").count()
            assert course.places_taken == live <= course.capacity


@pytest.mark.parametrize("batch", [1, 500])
def test_somebody_who_moves_up_into_a_place_freed_by_the_file_counts_as_registered(app, command, monkeypatch, batch):
    monkeypatch.setattr(imports, "BATCH", batch)
    office = Office(app, None)
    course = office.course("ART", capacity=1)
    people_of(app, "kim", "lou")
    for one in sorted(all_of(app, Participant), key=lambda one: one.name):
        registrations.register(office.session, course, one, office.now, wait=True)
    office.session.commit()
    data = "email,course,status\nlou@example.org,ART,registered\nkim@example.org,ART,withdrawn\n"
    for options in (["--dry-run"], []):
        assert counts(command("registrations", data, *options)[1]) == (0, 1, 1, 0)
    assert statuses(app) == {("kim@example.org", "ART", "withdrawn"), ("lou@example.org", "ART", "registered")}


def test_long_files_report_their_progress(app, command, monkeypatch):
    data = "email,name\n" + "".join(f"p{n}@example.org,P\n" for n in range(2001))
    output = command("participants", data, "--dry-run")[1]
    assert "1,000 of 2,001 rows" in output
    assert "2,000 of 2,001 rows" in output


def test_a_dry_run_takes_no_locks(app):
    """So it waits for nobody, and nobody waits for it."""
    office = Office(app, None)
    course = office.course("ART", capacity=1)
    people_of(app, "kim", "lou")
    registrations.register(office.session, course, all_of(app, Participant)[0], office.now)
    office.session.commit()
    rows = csvfile.read(
        "registrations",
        b"email,course,status\nkim@example.org,ART,withdrawn\nlou@example.org,ART,registered\n",
    ).rows
    reports = []

    def try_out():
        with app.app_context():
            session = app.extensions["sqlalchemy"].session
            reports.append(imports.run(session, "registrations", rows, clock.utc_now, "x", dry_run=True))
            session.remove()

    # Somebody is in the middle of a change of the course.
    locks.lock_course(office.session, course)
    trying = threading.Thread(target=try_out)
    trying.start()
    trying.join(20)
    office.session.rollback()
    assert [(report.made, report.changed) for report in reports] == [(1, 1)]


def test_a_course_made_by_somebody_else_during_the_import_is_found(app, monkeypatch):
    """Between the look-up and the commit another transaction may make the same course."""
    session = app.extensions["sqlalchemy"].session
    Office(app, None).course("ART")
    found = courses.by_code
    monkeypatch.setattr(courses, "by_code", lambda *args, **more: blind.pop()() if blind else found(*args, **more))
    blind = [dict]
    rows = csvfile.read("courses", b"code,title\nART,Art anew\n").rows
    report = imports.run(session, "courses", rows, clock.utc_now, "x")
    assert (report.made, report.changed) == (0, 1)
    assert [course.title for course in all_of(app, Course)] == ["Art anew"]


@pytest.mark.parametrize("kind", ["participants", "registrations"])
def test_an_import_needs_no_more_queries_for_more_rows(app, kind):
    """Within one batch: a second import, where all is unchanged."""
    session = app.extensions["sqlalchemy"].session
    Office(app, None).course("ART")
    people_of(app, *(f"p{n}" for n in range(200)))
    asked = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *args: asked.append(args[2]))
    numbers = []
    for n in (10, 200):
        if kind == "participants":
            data = "email,name\n" + "".join(f"p{i}@example.org,P{i}\n" for i in range(n))
        else:
            data = "email,course,status\n" + "".join(f"p{i}@example.org,ART,withdrawn\n" for i in range(n))
        rows = csvfile.read(kind, data.encode()).rows
        asked.clear()
        report = imports.run(session, kind, rows, clock.utc_now, "x")
        assert report.unchanged == n
        numbers.append(len(asked))
    assert numbers[0] == numbers[1]


def test_an_imported_course_that_has_to_be_looked_up_rings_the_bell(app, command, monkeypatch):
    rung = []
    monkeypatch.setattr(app.extensions["ascriptica"].bell, "ring", lambda: rung.append(1))
    command("courses", COURSES)
    assert rung == [1]
    command("courses", COURSES)
    assert rung == [1]
