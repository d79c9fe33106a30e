"""People are found and sorted whatever the case, accents and alphabet of their names."""

import pytest

from ascriptica_plugin.tables.folding import fold, found_by, sorted_by


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("Émile  ZOLA", "emile zola"),
        ("Иван", "иван"),
        ("Łukasz Ærø", "lukasz aero"),
        ("STRASSE straße", "strasse strasse"),
        ("e\u0301mile", "emile"),
        ("zero\u200bwidth", "zerowidth"),
        ("ﬁne", "fine"),
    ],
)
def test_case_accents_and_invisible_characters_make_no_difference(typed, folded):
    assert fold(typed) == folded


def test_names_are_sorted_from_their_first_letter():
    assert sorted(["(Zoe)", "“Ann”", "4th", "Bob"], key=sorted_by) == ["4th", "“Ann”", "Bob", "(Zoe)"]
    assert sorted_by("–") == "–"
    assert len(sorted_by("a" * 1000)) == 255


def test_no_word_is_found_across_name_email_and_sis_id():
    assert found_by("Kim Lee", "KIM@xn--bcher-kva.example", "K-1").split("\n") == [
        "kim lee",
        "kim@xn--bcher-kva.example",
        "bucher.example",
        "k-1",
    ]
    assert found_by("Kim", "kim@xn--.example", None).split("\n")[2:] == ["", ""]
