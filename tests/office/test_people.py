"""People as the office keeps them."""

import pytest
from sqlalchemy import select

from ascriptica_plugin.office import people
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


def test_a_changed_name_is_brought_up_to_date(here):
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


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann@BÜCHER.example", "Ann@xn--bcher-kva.example"),
        ("Ann@xn--bcher-kva.example", "Ann@xn--bcher-kva.example"),
        ("u\u0308@Example.org", "\u00fc@example.org"),
        (" \u202aAnn@example.org\u202c ", "Ann@example.org"),
        ("\ufb01nn@example.org", "finn@example.org"),
    ],
)
def test_an_email_is_kept_as_it_is_sent_to(typed, kept):
    assert people.read_email(typed) == kept
    assert people.read_email(kept) == kept
    assert people.as_compared(typed) == people.as_compared(kept) == kept.lower()


def test_an_address_that_is_too_long_only_in_ascii_is_refused():
    email = f"ann@{'ü' * 20}.{'ü' * 20}.{'ü' * 20}.example"
    assert len(email) < people.LONGEST_EMAIL
    read = people.read_email(f"ann@{'ü' * 20}.example")
    assert read.startswith("ann@xn--")
    with pytest.raises(ValueError, match="Use a shorter address"):
        people.read_email(f"{'k' * 40}@{'ü' * 20}.{'ü' * 20}.{'ö' * 20}.{'ä' * 10}.ex")


def test_the_office_finds_whom_it_entered_before_however_the_domain_is_written(app):
    session = app.extensions["sqlalchemy"].session
    session.add(Participant(email="Ann@b\u00fccher.example", name="Ann"))
    session.commit()
    for email in ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example", "ANN@B\u00dcCHER.example"):
        found = people.by_email(session, [email])
        assert [one.name for one in found[people.as_compared(email)]] == ["Ann"], email


@pytest.mark.parametrize(
    ("one", "other"),
    [("ann@example.org", "ann\u1160@example.org"), ("ann@example.org", "an\U000e0101n@example.org")],
)
def test_a_sign_that_shows_nothing_makes_no_other_email(one, other):
    assert people.read_email(other) == one


def test_an_email_in_capitals_of_any_alphabet_is_found(app):
    session = app.extensions["sqlalchemy"].session
    for written, asked in (("ÄNN@example.org", "änn@example.org"), ("ΑΣ@example.org", "ας@example.org")):
        session.add(Participant(name="x", email=people.read_email(written)))
        session.flush()
        assert people.by_email(session, [asked]), written
    session.rollback()


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Alt, Ines", "Ines Alt"),
        ("Alt ,Ines Maria", "Ines Maria Alt"),
        ("van der Berg, Jan", "Jan van der Berg"),
        ("O’Neil, Anne-Marie", "Anne-Marie O’Neil"),
        ("Müller-Lüdenscheidt, J. R.", "J. R. Müller-Lüdenscheidt"),
        ("Иванова, Анна", "Анна Иванова"),
        ("Ma, Yun", "Yun Ma"),
        ("Ines Alt, MD", "Ines Alt, MD"),
        ("Ines Alt, Ph.D.", "Ines Alt, Ph.D."),
        ("Martin King, Jr.", "Martin King, Jr."),
        ("Henry Ford, III", "Henry Ford, III"),
        ("Alt, Dr. Ines", "Alt, Dr. Ines"),
        ("Dr., Ines Alt", "Dr., Ines Alt"),
        ("Lee, Ann and Bob", "Lee, Ann and Bob"),
        ("Lee, Ann, Berlin", "Lee, Ann, Berlin"),
        ("Lee, Ann (Berlin)", "Lee, Ann (Berlin)"),
        ("Alt,", "Alt,"),
        ("Department for Food and Safety, London Office of the City", None),
        ("Ines Alt", "Ines Alt"),
    ],
)
def test_a_last_name_before_a_comma_goes_behind_where_it_is_one(typed, name):
    assert people.read_listed_name(typed) == (name or typed)
