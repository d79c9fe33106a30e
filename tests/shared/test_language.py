"""Texts, numbers and times in the present language; English is what stands in the code."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from ascriptica_plugin.shared import formats
from ascriptica_plugin.shared.language import catalogue, in_language, nearest, number, present, t, tn
from ascriptica_plugin.shared.said import Said

AT = datetime(2027, 9, 1, 7, 5, 3, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_text_is_english_until_another_language_is_set():
    assert (t("My courses"), present()) == ("My courses", "en")
    with in_language("de"):
        assert (t("My courses"), present()) == ("Meine Kurse", "de")
    assert (t("My courses"), present()) == ("My courses", "en")


def test_the_language_before_is_restored_even_after_an_error():
    with pytest.raises(RuntimeError), in_language("de"):
        raise RuntimeError
    assert present() == "en"


def test_values_are_filled_in():
    assert t("Withdraw from {course}?", course="{Art}") == "Withdraw from {Art}?"
    with in_language("de"):
        assert t("Withdraw from {course}?", course="{Art}") == "Von {Art} abmelden?"


def test_a_text_without_a_translation_stays_as_it_is():
    with in_language("de"):
        assert t("A course of {curly} words, 100 %") == "A course of {curly} words, 100 %"
        assert t("") == ""


@pytest.mark.parametrize("language", ["en", "de"])
def test_markup_stays_markup_and_all_else_is_escaped(language):
    with in_language(language):
        said = t("<{course}> & {link}", course="<script>", link=Markup("<a href='/'>here</a>"))
    assert said == "&lt;&lt;script&gt;&gt; &amp; <a href='/'>here</a>"
    assert isinstance(said, Markup)
    assert not isinstance(t("{course}", course="<script>"), Markup)


def test_a_number_chooses_singular_or_plural():
    assert [tn("{count} place left", "{count} places left", n) for n in (0, 1, 2, 20_000)] == [
        "0 places left",
        "1 place left",
        "2 places left",
        "20,000 places left",
    ]
    with in_language("de"):
        assert [tn("{count} place left", "{count} places left", n) for n in (1, 20_000)] == [
            "Noch 1 Platz frei",
            "Noch 20.000 Plätze frei",
        ]


def test_a_language_code_leads_to_the_nearest_language():
    assert [nearest(code) for code in ("de", "de-AT", "de_CH", "DE", "en-GB", "fr", "", None)] == [
        "de",
        "de",
        "de",
        "de",
        "en",
        None,
        None,
        None,
    ]


def test_numbers_and_times_are_written_in_the_present_language():
    shown = ("weekday date time", "date", "time")
    assert [formats.moment(AT, how, BERLIN) for how in shown] == ["Wed 01 Sep 2027, 09:05", "01 Sep 2027", "09:05"]
    assert (number(1234), formats.percent(87.5), formats.percent(1234.56)) == ("1,234", "87.5 %", "1,235 %")
    assert formats.listed(["Ann", "Bob"]) == "Ann and Bob"
    with in_language("de"):
        assert [formats.moment(AT, how, BERLIN) for how in shown] == [
            "Mi., 1. Sept. 2027, 09:05 Uhr",
            "1. Sept. 2027",
            "09:05 Uhr",
        ]
        assert (number(1234), formats.percent(87.5)) == ("1.234", "87,5 %")
        assert formats.listed(["Ann", "Bob"]) == "Ann und Bob"


def test_a_stored_code_is_shown_in_the_reader_s_language():
    stored = Said("no_section", course="Art", section="B").to_json()
    assert Said.from_json(stored) == "Art has no section B in Canvas."
    with in_language("de"):
        assert Said.from_json(stored) == "Art hat in Canvas keinen Abschnitt B."


def test_a_catalogue_is_read_once():
    assert catalogue("de") is catalogue("de")
