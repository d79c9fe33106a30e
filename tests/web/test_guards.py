"""Every view says who may use it."""

import pytest

from ..office_at_work import Office


@pytest.mark.parametrize("path", ["/tools/courses", "/tools/courses/new", "/tools/courses/ART", "/tools/canvas"])
def test_participants_see_no_tools(app, kim, path):
    Office(app, None).course("ART")
    assert kim.get(path).status_code == 403


def test_every_view_names_the_people_it_is_for(app):
    unguarded = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("ascriptica.")
        and not rule.endpoint.endswith(".static")
        and not hasattr(app.view_functions[rule.endpoint], "guard")
    ]
    assert unguarded == []
