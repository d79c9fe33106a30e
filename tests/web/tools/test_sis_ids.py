"""A SIS ID of two people: named on the page, asked about, and decided by a button."""

import pytest
from flask import render_template

from ascriptica_plugin.office import sis_questions
from ascriptica_plugin.shared.language import t, tn
from ascriptica_plugin.tables.office import LogEntry, Participant

from ...office_at_work import sign_in
from ...pages import all_of, words


@pytest.fixture
def two(app, here):
    """Kim, who has S-1, and Lou, for whom the host brought it as well."""
    course = here.course("ART")
    for who in ("kim", "lou"):
        here.register(course, who, sis_user_id="S-1")
    return [one.id for one in all_of(app, Participant)]


def sis_ids(app) -> dict[str, str | None]:
    return {one.name: one.sis_user_id for one in all_of(app, Participant)}


def listed(app) -> str:
    """The list as /tools/canvas shows it."""
    with app.test_request_context():
        session = app.extensions["sqlalchemy"].session
        return render_template("ascriptica/_sis_ids.html", sis_ids=sis_questions.undecided(session), t=t, tn=tn)


def answer(admin, number: int, what: str):
    return admin.post(f"/tools/participants/{number}/sis-id", data={"answer": what}, follow_redirects=True)


def test_the_page_names_the_other_person_and_keeps_what_was_typed(app, admin, two):
    _, lou = two
    typed = {"name": "Lou B.", "email": "lou@example.org", "sis_user_id": "S-1"}
    refused = admin.post(f"/tools/participants/{lou}", data=typed)
    assert refused.status_code == 422
    assert "Kim (kim@example.org) has the SIS ID S-1. Two people can't have the same one." in words(refused)
    assert 'value="Lou B."' in refused.text
    assert sis_ids(app) == {"Kim": "S-1", "Lou": None}


def test_the_roster_s_form_names_the_other_person_and_makes_nobody(app, admin, two):
    typed = {"name": "New", "email": "new@example.org", "sis_user_id": "S-1"}
    refused = admin.post("/tools/courses/ART", data=typed)
    assert refused.status_code == 422
    assert "Kim (kim@example.org) has the SIS ID S-1." in words(refused)
    assert len(all_of(app, Participant)) == 2
    assert admin.post("/tools/courses/ART", data=typed | {"sis_user_id": "S-9"}).status_code == 302
    assert sis_ids(app)["New"] == "S-9"


def test_a_sis_id_that_was_left_out_is_asked_about_and_given_by_a_button(app, admin, two):
    kim, lou = two
    assert "Lou lou@example.org: S-1, which Kim (kim@example.org) has" in listed_words(app)
    page = words(admin.get(f"/tools/participants/{lou}"))
    assert "The SIS ID S-1 came for Lou and was left out. Kim (kim@example.org) has the SIS ID S-1." in page
    assert "was left out" not in words(admin.get(f"/tools/participants/{kim}"))
    assert "The SIS ID S-1 now belongs to Lou." in words(answer(admin, lou, "theirs"))
    assert sis_ids(app) == {"Kim": None, "Lou": "S-1"}
    corrected = [(one.participant_id, one.words) for one in all_of(app, LogEntry) if one.what == "corrected"]
    assert corrected == [(kim, "SIS ID: S-1 → none"), (lou, "SIS ID: none → S-1")]
    assert listed(app).strip() == ""
    assert "There is nothing to decide" in words(answer(admin, lou, "theirs"))


def listed_words(app) -> str:
    class Page:
        text = listed(app)

    return words(Page)


def test_a_decision_stands_whatever_the_host_brings_again(app, admin, here, two):
    kim, lou = two
    assert "The SIS ID S-1 stays left out for Lou." in words(answer(admin, lou, "not_theirs"))
    assert listed(app).strip() == ""
    here.register(here.course("BIO"), "lou", sis_user_id="S-1")
    assert listed(app).strip() == ""
    assert sis_ids(app) == {"Kim": "S-1", "Lou": None}
    # It can still be taken back, and then stands for the other one.
    answer(admin, lou, "theirs")
    here.register(here.course("CHEM"), "kim", sis_user_id="S-1")
    assert sis_ids(app) == {"Kim": None, "Lou": "S-1"}
    assert listed(app).strip() == ""
    page = words(admin.get(f"/tools/participants/{kim}"))
    assert "The SIS ID S-1 came for Kim and was left out. Lou (lou@example.org) has the SIS ID S-1." in page


def test_a_sis_id_that_nobody_has_goes_to_the_person_the_office_names(app, admin, here, two):
    kim, lou = two
    for number in two:
        one = here.session.get(Participant, number)
        one.sis_user_id, one.sis_user_id_refused = None, "S-1"
    here.session.commit()
    assert listed(app).count("which nobody has yet") == 2
    answer(admin, kim, "not_theirs")
    assert listed(app).count("which nobody has yet") == 1
    answer(admin, lou, "theirs")
    assert sis_ids(app) == {"Kim": None, "Lou": "S-1"}
    assert listed(app).strip() == ""


def test_a_text_that_is_no_sis_id_is_shown_with_the_reason_and_not_asked_about(app, admin, here):
    here.register(here.course("ART"), "kim", sis_user_id="1.00E+11")
    [kim] = all_of(app, Participant)
    page = words(admin.get(f"/tools/participants/{kim.id}"))
    assert "“1.00E+11” is a number that a spreadsheet has changed." in page
    assert "is theirs" not in page
    assert "“1.00E+11” is a number" in words(answer(admin, kim.id, "theirs"))
    assert sis_ids(app) == {"Kim": None}


def test_the_list_of_questions_is_cut_at_its_limit(app, here, monkeypatch):
    monkeypatch.setattr(sis_questions, "SHOWN", 3)
    here.session.add_all(
        [Participant(email=f"p{n}@x.org", name=f"P{n}", sis_user_id_refused=f"S-{n // 2}") for n in range(10)]
    )
    here.session.commit()
    assert "The first 3 of 5." in listed_words(app)
    assert listed(app).count("which nobody has yet") == 6


def test_only_administrators_decide_and_only_about_open_questions(app, admin, client, two):
    assert admin.post(f"/tools/participants/{two[1]}/sis-id", data={"answer": "x"}).status_code == 400
    assert answer(admin, 999, "theirs").status_code == 404
    other = app.test_client()
    sign_in(other, app, "eve@example.org")
    assert answer(other, two[1], "theirs").status_code == 403
    assert sis_ids(app) == {"Kim": "S-1", "Lou": None}
