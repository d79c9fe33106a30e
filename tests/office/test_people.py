"""People as the office keeps them."""

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import emails, people
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


def test_a_name_that_changed_at_the_host_is_updated_here(here):
    course = here.course()
    here.register(course, "kim")
    here.withdraw(course, "kim", name="Kim Lee-Berg")
    assert here.session.scalars(select(Participant.name)).all() == ["Kim Lee-Berg"]


def found(here, typed: str) -> list[str]:
    which = select(Participant.name).where(people.matching(typed)).order_by(Participant.sorted_by)
    return list(here.session.scalars(which))


PEOPLE = ["Иван Берг", "Émile Zoë", "özgür Şahin", "łukasz Nowak", "Zoe Alt", "Anna Ebel", "Ødegård Ås", "Straße"]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ИВАН", "Иван Берг"),
        ("emile zoe", "Émile Zoë"),
        ("ÉMILE", "Émile Zoë"),
        ("E\u0301mile", "Émile Zoë"),
        ("ozgur sahin", "özgür Şahin"),
        ("ÖZGÜR", "özgür Şahin"),
        ("Lukasz", "łukasz Nowak"),
        ("ŁUKASZ", "łukasz Nowak"),
        ("odegard as", "Ødegård Ås"),
        ("STRASSE", "Straße"),
        ("münchen", "Zoe Alt"),
        ("nowak\u200b", "łukasz Nowak"),
        ("Ł-7", "Anna Ebel"),
    ],
)
def test_people_are_found_without_case_and_accents_on_every_database(here, typed, name):
    here.session.add_all([Participant(email=f"p{n}@example.org", name=one) for n, one in enumerate(PEOPLE)])
    here.session.commit()
    zoe, anna = (here.session.scalars(select(Participant).where(Participant.name == one)).one() for one in PEOPLE[4:6])
    zoe.email, anna.sis_user_id = "zoe@xn--mnchen-3ya.example", "ł-7"
    here.session.commit()
    assert found(here, typed) == [name]


def test_people_are_sorted_as_people_sort(here):
    here.session.add_all([Participant(email=f"p{n}@example.org", name=one) for n, one in enumerate(PEOPLE)])
    here.session.commit()
    assert found(here, "") == [
        "Anna Ebel", "Émile Zoë", "łukasz Nowak", "Ødegård Ås", "özgür Şahin", "Straße", "Zoe Alt", "Иван Берг"
    ]  # fmt: skip


def test_a_corrected_name_is_found_and_the_old_one_is_not(here):
    here.register(here.course(), "kim", name="Émile")
    kim = here.session.scalars(select(Participant)).one()
    people.correct(here.session, kim, here.now, "boss@example.org", name="Łukasz")
    here.session.commit()
    assert (found(here, "emile"), found(here, "lukasz")) == ([], ["Łukasz"])


def test_the_office_finds_a_person_it_entered_before_however_the_domain_is_written(app):
    session = app.extensions["sqlalchemy"].session
    session.add(Participant(email="Ann@b\u00fccher.example", name="Ann"))
    session.commit()
    for email in ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example", "ANN@B\u00dcCHER.example"):
        found = people.by_email(session, [email])
        assert [one.name for one in found[emails.as_compared(email)]] == ["Ann"], email


def test_an_email_in_capitals_of_any_alphabet_is_found(app):
    session = app.extensions["sqlalchemy"].session
    for written, asked in (("ÄNN@example.org", "änn@example.org"), ("ΑΣ@example.org", "ας@example.org")):
        session.add(Participant(name="x", email=emails.read_email(written)))
        session.flush()
        assert people.by_email(session, [asked]), written
    session.rollback()
