"""What a host's own code does: `ascriptica_plugin.office`, in the host's transaction."""

import pytest

from ascriptica_plugin import office as facade
from ascriptica_plugin.tables.results import Result

from ..office_at_work import Office, someone, statuses


def test_somebody_moves_from_one_course_to_another(office: Office, canvas):
    art, bio = office.course("ART", "art"), office.course("BIO", "bio")
    office.register(art)
    office.deliver()
    facade.move(office.session, "ART", "BIO", someone("kim"), office.now)
    office.session.commit()
    office.settle()
    assert (canvas.who_is_in("art"), canvas.who_is_in("bio")) == (set(), {"kim@example.org"})
    assert [one.course for one in facade.access_of(office.session, "kim")] == ["BIO"]
    assert bio.id


def test_a_move_that_fails_leaves_the_person_where_they_were(here: Office):
    here.register(here.course("ART"))
    here.course("FULL", capacity=0)
    for to in ("FULL", "NONE", "ART"):
        with pytest.raises(facade.NotPossible):
            facade.move(here.session, "ART", to, someone("kim"), here.now)
        here.session.commit()
        assert statuses(here) == {"kim@example.org": "registered"}
    with pytest.raises(facade.NotPossible, match="You are not registered for FULL here"):
        facade.move(here.session, "FULL", "ART", someone("kim"), here.now)


def test_the_first_who_waits_gets_the_place_of_somebody_who_moves(here: Office):
    art = here.course("ART", capacity=1)
    here.course("BIO")
    here.register(art)
    facade.register(here.session, "ART", someone("lou"), here.now, wait=True)
    facade.move(here.session, "ART", "BIO", someone("kim"), here.now)
    here.session.commit()
    found = {who: [(one.course, one.status) for one in facade.access_of(here.session, who)] for who in ("kim", "lou")}
    assert found == {"kim": [("BIO", "registered")], "lou": [("ART", "registered")]}


def test_access_is_reported_as_it_was_last_seen(office: Office, canvas):
    office.register(office.course("ART", "art"))
    office.register(office.course("PLAIN"))
    [art, plain] = facade.access_of(office.session, "kim")
    assert (art.access, art.seen_at, plain.access) == ("waiting", None, None)
    office.deliver()
    [art, _] = facade.access_of(office.session, "kim")
    assert (art.access, art.cause, art.canvas_course) == (
        "enrolled",
        None,
        f"{canvas.url}/courses/{canvas.ids['course.art']}",
    )
    assert art.seen_at is not None
    assert facade.access_of(office.session, "nobody") == []


def test_a_host_can_take_a_withdrawal_back(here: Office):
    here.register(here.course())
    assert facade.withdraw(here.session, "ART", someone("kim"), here.now) == "withdrawn"
    assert facade.undo_withdrawal(here.session, "ART", someone("kim"), here.now) == "registered"
    here.session.commit()
    assert statuses(here) == {"kim@example.org": "registered"}


def test_results_are_given_with_the_person_s_key(here: Office):
    course = here.course()
    registration = here.register(course)
    here.register(course, "lou")
    here.session.add(Result(registration_id=registration.id, current_score=81.5))
    here.session.commit()
    [found] = facade.results_of(here.session, "art", here.now)
    assert (found.key, found.email, found.result.score, found.result.score_kind) == (
        "kim",
        "kim@example.org",
        81.5,
        "current",
    )
    with pytest.raises(facade.NotPossible):
        facade.results_of(here.session, "NONE", here.now)
