"""The way back leads to this site alone."""

import pytest

from ascriptica_plugin.web import way_back


@pytest.mark.parametrize("path", ["/", "/my/courses", "/courses/ART?next=//elsewhere.example"])
def test_a_path_of_ours_is_one(path):
    assert way_back.is_own_path(path)


@pytest.mark.parametrize(
    "path",
    ["", "courses", "//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example/", "/a\r\nb", "/a\0"],
)
def test_nothing_else_is(path):
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
def test_the_page_before_is_one_of_this_site_or_none(app, came_from, page):
    with app.test_request_context("/courses/ART/register", method="POST", headers={"Referer": came_from}):
        assert way_back.page_before() == page
    with app.test_request_context("/my/courses?page=2", headers={"Referer": came_from}):
        assert way_back.page_before() is None
        assert way_back.page_asked_for() == "/my/courses?page=2"


def test_where_no_page_sent_it_the_nearest_page_above_the_form_is_shown(app):
    with app.test_request_context("/courses/ART/register", method="POST"):
        assert way_back.page_asked_for() == "/courses/ART"
