"""The way back leads to this site alone."""

import pytest

from ascriptica_plugin.web import way_back


@pytest.mark.parametrize("path", ["/", "/my/courses", "/courses/ART?next=//elsewhere.example"])
def test_a_path_of_our_site_is_accepted(path):
    assert way_back.is_own_path(path)


@pytest.mark.parametrize(
    "path",
    ["", "courses", "//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example/", "/a\r\nb", "/a\0"],
)
def test_any_other_address_is_refused_as_a_way_back(path):
    assert not way_back.is_own_path(path)


@pytest.mark.parametrize(
    ("came_from", "page"),
    [
        ("http://localhost/courses/ART?a=b", "/courses/ART?a=b"),
        ("http://localhost.elsewhere.example/courses/ART", None),
        ("http://localhost//elsewhere.example", None),
        ("https://elsewhere.example/", None),
        ("", None),
    ],
)
def test_the_page_before_is_used_only_if_it_is_of_this_site(app, came_from, page):
    with app.test_request_context("/courses/ART/register", method="POST", headers={"Referer": came_from}):
        assert way_back.page_before() == page
    with app.test_request_context("/my/courses?page=2", headers={"Referer": came_from}):
        assert way_back.page_before() is None
        assert way_back.page_asked_for() == "/my/courses?page=2"


def test_a_form_sent_from_no_page_leads_to_the_nearest_page_above_it(app):
    with app.test_request_context("/courses/ART/register", method="POST"):
        assert way_back.page_asked_for() == "/courses/ART"
