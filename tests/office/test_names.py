"""Names as they come in lists."""

import pytest

from ascriptica_plugin.office import names


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
def test_a_last_name_before_a_comma_is_moved_behind_the_first_name(typed, name):
    assert names.read_listed_name(typed) == (name or typed)


@pytest.mark.parametrize(
    ("name", "is_so"),
    [
        ("Ines Alt, Juri Berg", True),
        ("ines alt, juri berg", True),
        ("Ines Alt; Juri Berg", True),
        ("Ines Alt, Dr. Juri Berg", True),
        ("Yun Ma, Kim Lee", True),
        ("Ines A., Juri B.", True),
        ("Ines van der Alt, Juri Berg", True),
        ("Иван Альт, Юрий Берг", True),
        ("Alt, Ines", False),
        ("Alt, Ines Maria", False),
        ("García Pérez, María", False),
        ("Von der Berg, Jan Uwe", False),
        ("Smith Jones, J. R.", False),
        ("Kim Lee, PhD MBA", False),
        ("Alt, Dr. Ines", False),
        ("Ines Maria Alt", False),
        ("", False),
    ],
)
def test_a_comma_between_whole_names_may_stand_between_two_people(name, is_so):
    assert names.may_be_two(name) == is_so
