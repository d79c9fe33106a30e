"""The first line: what other names of columns may mean."""

import pytest

from ascriptica_plugin.office.imports import header


@pytest.mark.parametrize(
    ("kind", "line", "columns"),
    [
        ("participants", "email,nmae", ["email", "name"]),
        ("participants", "E-Mail,Email Address,Name", ["email", None, "name"]),
        ("participants", "email,name,First name,Last name", ["email", "name", None, None]),
        ("participants", "e_mail,VORNAME", ["email", "first_name"]),
        ("participants", "Name,E-Mail (privat),E-Mail (Schule)", ["name", "email", None]),
        ("participants", "NOM,PRENOM,ADRESSE MAIL", ["last_name", "first_name", "email"]),
        ("participants", "Civilité,Nom,Prénom,Mél", [None, "last_name", "first_name", "email"]),
        ("participants", "Anrede,Vorname,Name,Mail dienstlich", [None, "first_name", "last_name", "email"]),
        ("participants", "Email *,Name *", ["email", "name"]),
        ("participants", "Kontakt-E-Mail,Teilnehmer/in", ["email", "name"]),
        ("participants", "Primer apellido,Segundo apellido,Nombre,Correo", ["last_name", None, "first_name", "email"]),
        ("courses", "Short name,Full name,Seats", ["code", "title", "capacity"]),
        ("registrations", "E-Mail,Kurs,Status", ["email", "course", "status"]),
    ],
)
def test_columns_are_recognised_by_other_names(kind, line, columns):
    found = header.read(kind, line.split(","))
    assert list(found.columns) == columns
    assert found.certain == (line == "email,name,First name,Last name")


def test_all_mistakes_in_the_header_are_reported_at_once():
    with pytest.raises(header.Unusable) as refused:
        header.read("registrations", ["Phone", "", "Street"])
    assert str(refused.value) == (
        "There is no column course and no column email and no column status. The first line has to name the columns: "
        "email, name, sis_user_id, course, status. We don't know these columns: “Phone”, “Street”."
    )


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (["name", None, None], "which column is the email"),
        (["email", "email", None], "only one column for Email"),
        (["email", "name", "first_name"], "either a name, or"),
        (["email", "x", None], "for each column"),
        (["email"], "for each column"),
    ],
)
def test_columns_chosen_by_a_person_are_checked(columns, reason):
    with pytest.raises(header.Unusable, match=reason):
        header.confirmed("participants", ["a", "b", "c"], columns)
