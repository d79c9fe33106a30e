"""Our pages in a host's layout, under its name, in its colours; and without the pages that it has itself."""

import re
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import ChoiceLoader, DictLoader

import ascriptica_plugin
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..office_at_work import Office, in_use
from ..pages import new_course
from .foreign import make_site, mount

FLASHES = "{% for message in get_flashed_messages() %}<em>{{ message }}</em>{% endfor %}"
LAYOUTS = {
    # As most have it, with what Bootstrap-Flask's older rival calls its blocks.
    "whole.html": "<title>{% block title %}{% endblock %} - Campus</title>"
    "{% block styles %}<link href=own.css>{% endblock %}"
    f"<nav>Campus</nav>{FLASHES}<div>{{% block content %}}{{% endblock %}}</div>"
    "{% block scripts %}<script src=own.js></script>{% endblock %}",
    # A page's place inside of a bigger one, and one place for whatever belongs into the head.
    "nested.html": "{% extends 'skeleton.html' %}"
    "{% block main %}<main>{% block content %}{% endblock %}</main>{% endblock %}",
    "skeleton.html": "<head>{% block head %}<meta name=own>{% endblock %}</head>"
    "<body>{% block main %}{% endblock %}</body>",
    "main.html": "<nav>Campus</nav>{% include 'messages.html' %}{% block main %}{% endblock %}",
    "messages.html": FLASHES,
    # Its messages stand where ours is put.
    "inside.html": f"{{% block content %}}{FLASHES}{{% block page_content %}}{{% endblock %}}{{% endblock %}}",
    "none.html": "<nav>Campus</nav>",
}
STYLES, SCRIPT = "static/ascriptica/ascriptica.css", "static/ascriptica/live.js"


@pytest.fixture
def site(tmp_path: Path) -> Flask:
    site = make_site(f"sqlite:///{tmp_path}/site.sqlite3", WTF_CSRF_ENABLED=False)
    site.jinja_loader = ChoiceLoader([DictLoader(LAYOUTS), site.jinja_loader])
    return site


def boss(site: Flask):
    with in_use(site):
        upgrade_tables(site)
    client = site.test_client()
    client.get("/sign-in/1")
    return client


@pytest.mark.parametrize("layout", ["whole.html", "nested.html", "main.html", "inside.html"])
def test_our_pages_stand_in_the_host_s_layout(site, layout):
    mount(site, layout=layout)
    client = boss(site)
    saved = client.post("/registration/tools/courses/new", data=new_course(), follow_redirects=True)
    # Whichever of the two shows messages, each is shown once.
    assert saved.text.count("Art for all is saved.") == 1
    for path in ("/registration/", "/registration/courses/ART", "/registration/tools/courses", "/registration/nowhere"):
        page = client.get(path).text
        if path.endswith("nowhere"):
            assert page == "The site's own page for 404."
            continue
        assert page.count(STYLES) == page.count('<div class="ascriptica part">') == page.count("<h1") == 1
        assert "<!doctype" not in page
        assert "Course Settings" in page
    registered = client.post("/registration/courses/ART/register", follow_redirects=True).text
    assert registered.count("You are registered for Art for all.") == 1


def test_title_styles_and_content_stand_in_their_places_in_the_host_s_layout(site):
    mount(site, layout="whole.html")
    page = boss(site).get("/registration/").text
    assert "<title>Catalogue - Campus</title>" in page
    assert page.index("own.css") < page.index(STYLES) < page.index("<nav>") < page.index("ascriptica part")
    nested = make_site(site.config["SQLALCHEMY_DATABASE_URI"])
    nested.jinja_loader = site.jinja_loader
    mount(nested, layout="nested.html")
    page = boss(nested).get("/registration/").text
    assert page.index("<meta name=own>") < page.index(STYLES) < page.index("<main>") < page.index("ascriptica part")


def test_a_layout_without_our_blocks_is_refused_by_name(site):
    mount(site, layout="none.html")
    site.testing = True
    with pytest.raises(RuntimeError, match=r"none\.html needs a block content or main"):
        boss(site).get("/registration/")


def test_our_content_policy_does_not_limit_what_a_host_s_layout_loads(site):
    mount(site, layout="whole.html")
    policy = boss(site).get("/registration/").headers["Content-Security-Policy"]
    assert "default-src" not in policy
    assert "frame-ancestors 'none'" in policy


def test_brand_footer_and_colours_are_shown_as_configured(site, monkeypatch):
    monkeypatch.setenv("ASCRIPTICA_FOOTER", "Riverside College, Room 3")
    mount(site, brand="Riverside", footer="From the developer", colors={"accent": "#b00020", "ground": "white"})
    page = boss(site).get("/registration/")
    assert "<title>Catalogue · Riverside</title>" in page.text
    assert "Riverside College, Room 3" in page.text
    assert "From the developer" not in page.text
    assert page.text.index(STYLES) < page.text.index("/registration/ascriptica-colors.css")
    css = boss(site).get("/registration/ascriptica-colors.css")
    assert (css.mimetype, css.text) == ("text/css", ".ascriptica { --accent: #b00020; --ground: white; }\n")


def test_colours_that_can_be_set_are_those_of_the_stylesheet():
    css = (Path(ascriptica_plugin.__file__).parent / "static/ascriptica.css").read_text()
    assert set(re.findall(r"^  --([\w-]+):", css, re.MULTILINE)) == ascriptica_plugin.shared.config.COLORS


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"colors": {"shadow": "red"}}, "there is no colour shadow"),
        ({"colors": {"accent": "red;} body {display: none"}}, "is not a valid colour for accent"),
        ({"colors": {"accent": "url(//evil.example)"}}, "is not a valid colour for accent"),
        ({"pages": ("tool",)}, "there is no tool"),
        ({"pages": ("my-courses",)}, "my-courses needs courses"),
        ({"queue": "a b"}, "ASCRIPTICA_QUEUE must be a name"),
    ],
)
def test_options_that_can_t_be_right_are_refused_at_the_start(site, option, sentence):
    with pytest.raises(RuntimeError, match=sentence):
        mount(site, **option)


@pytest.mark.parametrize("how", ["option", "environment", "config"])
def test_an_operator_overrides_the_developer(site, how, monkeypatch):
    mounted = {"url_prefix": "/registration"}
    expected = "/registration"
    if how != "option":
        monkeypatch.setenv("ASCRIPTICA_URL_PREFIX", expected := "/from-environment")
    if how == "config":
        site.config["ASCRIPTICA_URL_PREFIX"] = expected = "/from-config"
    mount(site, **mounted)
    assert {rule.rule for rule in site.url_map.iter_rules() if rule.endpoint == "ascriptica.catalogue"} == {
        f"{expected}/"
    }


def test_pages_that_the_host_has_already_are_left_out(site, tmp_path):
    mount(site, pages=("tools",), url_prefix="/")
    client = boss(site)
    # The host's own, at the same address.
    assert "Welcome" in client.get("/").text
    with in_use(site):
        Office(site, None).course("ART")
    for path, status in [
        ("/tools/courses", 200),
        ("/tools/courses/ART", 200),
        ("/courses/ART", 404),
        ("/my/courses", 404),
        ("/healthz", 200),
    ]:
        assert client.get(path).status_code == status, path
    pages = [
        path
        for path in (rule.rule for rule in site.url_map.iter_rules())
        if path.startswith("/tools/") and "<" not in path
    ]
    assert len(pages) > 5
    for path in pages:
        assert client.get(path).status_code in (200, 302, 405), path
    other = make_site(f"sqlite:///{tmp_path}/other.sqlite3")
    mount(other, pages=("courses",))
    client = boss(other)
    assert client.get("/registration/tools/courses").status_code == 404
    page = client.get("/registration/").text
    assert "Tools" not in page
    assert "My courses" not in page


def test_every_page_stands_in_the_layout():
    pages = list(Path(ascriptica_plugin.__file__).parent.rglob("templates/ascriptica/*.html"))
    assert len(pages) > 50
    for path in pages:
        text = path.read_text()
        if "{% extends" in text and path.name != "frame.html":
            assert '{% extends "ascriptica/layout.html" %}' in text, path
            assert set(re.findall(r"block (\w+)", text)) <= {
                "ascriptica_title",
                "ascriptica_head",
                "ascriptica_crumbs",
                "ascriptica_content",
            }, path
