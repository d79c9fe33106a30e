"""A file that was uploaded: its import is killed and continued, frozen and overtaken, broken, or deleted."""

import pytest

from ascriptica_plugin.office.imports import run as imports
from ascriptica_plugin.office.imports import uploads
from ascriptica_plugin.office.imports.participants import Participants
from ascriptica_plugin.shared import clock, pauses
from ascriptica_plugin.tables.imports import Import
from ascriptica_plugin.tables.office import Course, Participant, Registration

from ...office_at_work import Office
from ...pages import all_of, upload, words
from .files import PARTICIPANTS, people_of


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_killed_import_is_continued_where_it_stopped_once_its_lease_is_over(app, monkeypatch, dry_run):
    """A row after the kill contradicts the first one, which only the import's memory shows."""
    monkeypatch.setattr(imports, "BATCH", 2)
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    data = b"email,name\nx,X\na@example.org,A\nb@example.org,B\nc@example.org,C\na@example.org,Other\n"
    uploads.start(session, "participants", "f.csv", data, now, "boss", dry_run=dry_run, most_rows=9)
    session.commit()
    look_up, batches = Participants.look_up, []

    def killed(self, rows):
        if batches.append(rows) or len(batches) == 2:
            raise SystemExit
        return look_up(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Participants, "look_up", killed)
        with pytest.raises(SystemExit):
            uploads.go_on(session, lambda: now, lambda: False)
    session.rollback()
    assert len(all_of(app, Participant)) == (0 if dry_run else 1)
    assert not uploads.go_on(session, lambda: now, lambda: False)
    assert uploads.go_on(session, lambda: now + pauses.IMPORT_TAKEN, lambda: False)
    [its] = all_of(app, Import)
    assert (its.done, its.made, its.unchanged, its.finished_at is not None) == (5, 3, 0, True)
    assert [line for line, _ in its.refused] == [2, 6]
    assert "Line 3 has other values" in its.refused[1][1]
    assert len(all_of(app, Participant)) == (0 if dry_run else 3)


def test_a_frozen_worker_writes_nothing_to_an_import_that_another_has_continued(app, monkeypatch):
    monkeypatch.setattr(imports, "BATCH", 2)
    session, now = app.extensions["sqlalchemy"].session, clock.utc_now()
    data = "email,course,status\n" + "".join(f"p{n}@example.org,ART,registered\n" for n in range(5))
    people_of(app, *(f"p{n}" for n in range(5)))
    Office(app, None).course("ART")
    uploads.start(session, "registrations", "f.csv", data.encode(), now, "boss", dry_run=False, most_rows=9)
    session.commit()
    frozen = []

    def stop() -> bool:
        if not frozen:
            frozen.append(uploads.go_on(session, lambda: now + pauses.IMPORT_TAKEN, lambda: False))
        return False

    assert uploads.go_on(session, lambda: now, stop)
    assert frozen == [True]
    [its] = all_of(app, Import)
    assert (its.done, its.made, its.unchanged) == (5, 5, 0)
    assert len(all_of(app, Registration)) == all_of(app, Course)[0].places_taken == 5


def test_an_import_that_can_t_be_continued_says_so_and_keeps_no_file(app, admin, monkeypatch):
    monkeypatch.setattr(Participants, "look_up", lambda *_: 1 / 0)
    answer = upload(admin, "participants", PARTICIPANTS)
    assert "An unexpected error stopped this after 0 of 2 rows." in words(answer)
    [its] = all_of(app, Import)
    assert (its.file, its.broken) == (None, True)
    session = app.extensions["sqlalchemy"].session
    uploads.forget_old(session, its.started_at + pauses.IMPORT_KEPT)
    assert len(all_of(app, Import)) == 1
    uploads.forget_old(session, its.started_at + pauses.IMPORT_KEPT + pauses.IMPORT_TAKEN)
    assert all_of(app, Import) == []
    assert admin.get(answer.request.path).status_code == 404
