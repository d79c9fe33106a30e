"""Rows of participants: found by email, under the names that they have; and their SIS IDs."""

import pytest

from ascriptica_plugin.office import sis_ids as rules
from ascriptica_plugin.office.imports import run as imports
from ascriptica_plugin.tables.office import Participant

from ...office_at_work import Office
from ...pages import all_of
from .files import counts, everything, people_of


def test_people_are_found_by_email_whatever_its_case(app, command):
    people_of(app, "kim")
    assert counts(command("participants", "email,name\nKIM@Example.ORG,Kim Lee\n", "--rename")[1]) == (0, 1, 0, 0)
    [kim] = all_of(app, Participant)
    assert (kim.name, kim.email) == ("Kim Lee", "kim@example.org")


def test_an_email_with_other_than_ascii_letters_is_found_again(app, command):
    data = "email,name\nÉva@Example.org,Éva\n"
    command("participants", data)
    assert counts(command("participants", data)[1]) == (0, 0, 1, 0)


def test_a_formula_in_a_cell_is_kept_as_text(app, command):
    command("participants", "email,name\nkim@example.org,=1+1\n")
    assert [one.name for one in all_of(app, Participant)] == ["=1+1"]


def test_a_known_email_with_another_name_is_listed_and_taken_only_when_the_import_says_so(app, command):
    people_of(app, "kim")
    data = "email,name\nkim@example.org,Lou Berg\nnew@example.org,New\n"
    for options in (["--dry-run"], []):
        code, output = command("participants", data, *options)
        assert code == 1
        assert "line 2: Here, the email kim@example.org belongs to Kim." in output
        assert "If their name has changed, import it with --rename. " in output
        assert counts(output) == (1, 0, 0, 1)
    assert {one.name for one in all_of(app, Participant)} == {"Kim", "New"}
    assert counts(command("participants", data, "--rename")[1]) == (0, 1, 1, 0)
    assert {one.name for one in all_of(app, Participant)} == {"Lou Berg", "New"}


@pytest.mark.parametrize("name", ["Émile Zoë", "EMILE  ZOE", "Zoë, Émile", "emile zoe"])
def test_a_name_written_in_another_way_is_the_same_name(app, command, name):
    data = 'email,name\nkim@example.org,"{}"\n'
    command("participants", data.format("Émile Zoë"))
    assert counts(command("participants", data.format(name))[1]) == (0, 0, 1, 0)
    assert [one.name for one in all_of(app, Participant)] == ["Émile Zoë"]


def test_a_cell_that_may_name_two_people_is_refused_and_nobody_gets_a_mixture(app, command):
    people_of(app, "kim")
    data = (
        "email,name\n"
        'ines@example.org,"Ines Alt, Juri Berg"\nkim@example.org,"Kim Lee, Lou Berg"\nann@example.org,"Ebel, Ann"\n'
    )
    for options in (["--dry-run"], ["--rename"]):
        code, output = command("participants", data, *options)
        assert code == 1
        assert "line 2: The name may be that of two people. Write one person in each row." in output
        assert "line 3: The name may be that of two people." in output
        assert counts(output) == (1, 0, 0, 2)
    assert {one.name for one in all_of(app, Participant)} == {"Kim", "Ann Ebel"}
    data = 'email,name,course,status\nines@example.org,"Ines Alt, Juri Berg",ART,registered\n'
    Office(app, None).course("ART")
    assert "line 2: The name may be that of two people." in command("registrations", data)[1]


def test_a_column_that_says_so_has_one_person_s_last_name_and_first_name_in_a_cell(app, command):
    row = 'ana@example.org,"Alt Ríos, Ana Inés"\n'
    said = [f"email,{name}\n{row}" for name in ("name", '"Nachname, Vorname"', "Apellidos y nombre", "name")]
    counted = [counts(command("participants", data, "--accept-columns")[1]) for data in said]
    # Somebody who has that name already is one person.
    assert counted == [(0, 0, 0, 1), (1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 1, 0)]
    assert [one.name for one in all_of(app, Participant)] == ["Ana Inés Alt Ríos"]


def test_a_column_that_says_so_has_one_person_s_first_name_and_last_name_in_a_cell(app, command):
    for number, called in enumerate(("Vorname, Name", "First name, Last name")):
        data = f'email,"{called}"\np{number}@example.org,"Juri, Berg"\n'
        assert counts(command("participants", data, "--accept-columns")[1]) == (1, 0, 0, 0)
    assert [one.name for one in all_of(app, Participant)] == ["Juri Berg"] * 2


def test_somebody_known_by_their_email_alone_gets_a_name(app, command):
    app.extensions["sqlalchemy"].session.add(Participant(email="kim@example.org", name="kim@example.org"))
    app.extensions["sqlalchemy"].session.commit()
    assert counts(command("participants", "email,name\nkim@example.org,Kim Lee\n")[1]) == (0, 1, 0, 0)
    assert [one.name for one in all_of(app, Participant)] == ["Kim Lee"]


def test_two_people_with_one_email_in_a_file_read_that_each_needs_their_own(app, command):
    output = command("participants", "email,name\nfam@example.org,Ann Alt\nFAM@example.org,Ben Alt\n")[1]
    assert (
        "line 3: Line 2 has other values for the same email: a name. If these are two people, such as a family"
        in output
    )
    assert "each needs an email of their own" in output
    assert [one.name for one in all_of(app, Participant)] == ["Ann Alt"]


# -- SIS IDs ----------------------------------------------------------------------------------------------------------


def sis_ids(app) -> dict[str, tuple[str | None, str | None]]:
    """By name: the SIS ID, and the one that was left out."""
    return {one.name: (one.sis_user_id, one.sis_user_id_refused) for one in all_of(app, Participant)}


@pytest.mark.parametrize("batch", [1, 500])
def test_a_sis_id_that_somebody_else_has_is_left_out_and_the_report_names_them(app, command, monkeypatch, batch):
    monkeypatch.setattr(imports, "BATCH", batch)
    people_of(app, "kim", "bea")
    all_of(app, Participant)[0].sis_user_id = "S-1"
    app.extensions["sqlalchemy"].session.commit()
    rows = "lou@example.org,Lou,S-1", "bea@example.org,Bea,S-1", "ann@example.org,Ann,S-2", "eve@example.org,Eve,S-2"
    data = "email,name,sis_user_id\n" + "\n".join(rows) + "\n"
    for options in (["--dry-run"], []):
        code, output = command("participants", data, *options)
        assert code == 1
        assert counts(output) == (3, 1, 0, 0)
        for line in (2, 3):
            assert f"line {line}: Imported without the SIS ID. Kim (kim@example.org) has the SIS ID S-1." in output
        assert "line 5: Imported without the SIS ID. " in output
    assert sis_ids(app) == {
        "Kim": ("S-1", None),
        "Bea": (None, "S-1"),
        "Lou": (None, "S-1"),
        "Ann": ("S-2", None),
        "Eve": (None, "S-2"),
    }
    before = everything(app)
    code, output = command("participants", data)
    assert (code, counts(output)) == (1, (0, 0, 4, 0))
    assert everything(app) == before


@pytest.mark.parametrize("cell", ["#N/A", "1.00E+11", "12345678901234500000", "Mrz 26", "0", "n/a", "-"])
def test_a_sis_id_spoiled_by_a_spreadsheet_refuses_the_row(app, command, cell):
    code, output = command("participants", f"email,name,sis_user_id\nkim@example.org,Kim,{cell}\nlou@x.org,Lou,S-1\n")
    assert code == 1
    assert f"line 2: “{cell}” is" in output
    assert sis_ids(app) == {"Lou": ("S-1", None)}


def test_a_sis_id_given_to_somebody_else_during_the_import_is_left_out(app, command, monkeypatch):
    """Between the look-up and the commit of a batch a sign-in may bring the same one."""
    people_of(app, "kim", "lou")
    look_up = rules.others_with
    blind = [lambda *_: {}]
    monkeypatch.setattr(rules, "others_with", lambda *args: blind.pop()(*args) if blind else look_up(*args))
    all_of(app, Participant)[0].sis_user_id = "S-1"
    app.extensions["sqlalchemy"].session.commit()
    output = command("participants", "email,sis_user_id\nlou@example.org,S-1\n")[1]
    assert "line 2: Imported without the SIS ID. Kim (kim@example.org) has the SIS ID S-1." in output
    assert sis_ids(app) == {"Kim": ("S-1", None), "Lou": (None, "S-1")}


@pytest.mark.parametrize(
    "typed",
    [
        "kim@xn--mnchen-3ya.example",
        "KIM@MÜNCHEN.EXAMPLE",
        "kim@mu\u0308nchen.example",
        "\u202akim@mün\u00adchen.example\u202c",
        "\ufeffkim\u200b@münchen.example",
    ],
)
def test_an_email_is_recognised_in_every_spelling_and_with_text_copied_along(app, command, typed):
    Office(app, None).course("ART")
    command("participants", "email,name\nkim@münchen.example,Kim\n")
    data = f"email,name,sis_user_id\n{typed},Kim,K-1\n"
    assert counts(command("participants", data)[1]) == (0, 1, 0, 0)
    [kim] = all_of(app, Participant)
    assert (kim.email, kim.sis_user_id) == ("kim@xn--mnchen-3ya.example", "K-1")
    assert counts(command("registrations", f"email,course,status\n{typed},ART,registered\n")[1]) == (1, 0, 0, 0)
