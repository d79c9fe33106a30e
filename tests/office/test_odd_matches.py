"""People whose Canvas user has another name: found by the worker, listed, and answered."""

import pytest

from ascriptica_plugin.office import odd_matches

from ..office_at_work import connection_of, logged
from ..pages import words

LIST = "/tools/canvas/matches"


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("Kim Lee", "Lee, Kim", True),
        ("Émile Zola", "ZOLA EMILE", True),
        ("Kim Lee", "Kimberly Li", False),
        ("Иван Петров", "Ivan Petrov", False),
        ("Ann-Marie O'Neil", "Marie Neil", True),
        ("", "Kim", False),
    ],
)
def test_names_share_a_word_whatever_accents_case_and_order(one, other, share):
    assert odd_matches.share_a_word(one, other) is share


def compare(office) -> int:
    compared = odd_matches.compare(office.session)
    office.session.commit()
    return compared


def test_another_name_is_listed_until_somebody_says_that_it_is_right(office, admin, canvas):
    for login, name in (("zoe", "Zoë Berg"), ("ida", "Quite Another")):
        account = f"accounts/{canvas.ids['account.root']}/users"
        login_form = {"pseudonym[unique_id]": f"{login}@example.org", "user[skip_registration]": "true"}
        canvas.hand("POST", account, **{"user[name]": name, **login_form})
    art = office.course("ART", "art")
    office.register(art, "zoe", name="Zoe Miller")
    office.register(art, "ida", name="Ida Berg")
    office.deliver()
    assert odd_matches.number(office.session, connection_of(office).id) == 0
    assert compare(office) == 2
    assert compare(office) == 0
    page = words(admin.get(LIST))
    assert "Ida Berg ida@example.org Quite Another, login ida@example.org" in page
    assert "Zoe" not in page
    assert "Another name in Canvas 1 person" in words(admin.get("/tools/"))

    number = office.participant("ida@example.org").id
    assert "noted for Ida Berg" in words(admin.post(f"/tools/participants/{number}/right", follow_redirects=True))
    assert "There is nothing to look at." in words(admin.get(LIST))
    assert ("boss@example.org", "chose", "ida@example.org") in logged(office)
    # Nothing is sent for it, and nothing is asked.
    canvas.calls()
    assert office.deliver() == []
    assert canvas.who_is_in("art") == {"ida@example.org", "zoe@example.org"}


def test_a_corrected_name_is_compared_again(office, admin):
    office.register(office.course("ART", "art"), "zoe", name="Zoe Berg")
    office.deliver()
    compare(office)
    office.session.connection().exec_driver_sql("UPDATE ascriptica_canvas_user SET canvas_name = 'Quite Another'")
    office.session.commit()
    assert "nothing to look at" in words(admin.get(LIST))
    compare(office)
    assert "Zoe Berg" in words(admin.get(LIST))
    office.session.connection().exec_driver_sql("UPDATE ascriptica_canvas_user SET canvas_name = 'Zoe'")
    office.session.commit()
    assert "nothing to look at" in words(admin.get(LIST)), "not before it is compared, either"
    assert compare(office) == 1


def test_a_match_that_is_not_certain_can_t_be_confirmed(office, admin):
    office.register(office.course("ART"), "zoe")
    number = office.participant("zoe@example.org").id
    page = words(admin.post(f"/tools/participants/{number}/right", follow_redirects=True))
    assert "We don't know for certain who Zoe is in Canvas." in page
