"""The language of an answer: the host says it, else the browser, else the site."""

import pytest
from flask import Flask

from ascriptica_plugin.shared.language import present

from ..office_at_work import Office, in_use, make_app
from ..pages import words


@pytest.fixture
def site(database_url):
    with in_use(make_app(database_url)) as app:
        Office(app, None).course("ART", capacity=3)
        yield app


def heading(site: Flask, **headers: str) -> str:
    page = site.test_client().get("/", headers=headers)
    assert "Accept-Language" in page.headers["Vary"]
    lang = "de" if "Kursangebot" in words(page) else "en"
    assert f'<html lang="{lang}">' in page.text
    return lang


def test_the_browser_s_language_is_used(site):
    assert heading(site) == "en"
    assert heading(site, **{"Accept-Language": "de"}) == "de"
    assert heading(site, **{"Accept-Language": "fr, de-AT;q=0.8, en;q=0.7"}) == "de"
    assert heading(site, **{"Accept-Language": "en-US, de;q=0.9"}) == "en"
    assert heading(site, **{"Accept-Language": "fr"}) == "en"


def test_the_host_s_language_comes_before_the_browser_s(site):
    plugin = site.extensions["ascriptica"]
    said = iter(["de_CH", None, "tlh"])
    plugin.ask_language = lambda: next(said)
    english = {"Accept-Language": "en"}
    assert [heading(site, **english) for _ in range(3)] == ["de", "en", "en"]
    plugin.ask_language = lambda: 7
    with pytest.raises(TypeError, match="language must return a code"):
        heading(site)


def test_the_site_s_language_is_used_where_the_browser_has_none_of_ours(empty_sqlite):
    with in_use(make_app(f"sqlite:///{empty_sqlite}", ASCRIPTICA_LANGUAGE="de")) as app:
        assert heading(app) == "de"
        assert heading(app, **{"Accept-Language": "fr"}) == "de"
        assert heading(app, **{"Accept-Language": "en"}) == "en"


def test_an_error_page_is_in_the_visitor_s_language_which_ends_with_the_request(site):
    german = {"Accept-Language": "de"}
    for path in ("/courses/NOPE", "/no/such/page", "/courses/ART/register"):
        page = site.test_client().get(path, headers=german)
        assert (page.status_code >= 400, '<html lang="de">' in page.text) == (True, True), path
        assert present() == "en"
    assert "Diese Seite gibt es nicht" in words(site.test_client().get("/no/such/page", headers=german))


def test_numbers_and_times_follow_the_language(site):
    page = words(site.test_client().get("/", headers={"Accept-Language": "de"}))
    assert "Noch 3 Plätze frei" in page
