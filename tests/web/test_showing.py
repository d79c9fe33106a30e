"""Our names and those of a host's layout never meet, in whatever language the page is."""

import re
from pathlib import Path

import pytest
from flask import Flask, render_template
from jinja2 import ChoiceLoader, DictLoader, meta, pass_context

import ascriptica_plugin
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..hosts.foreign import make_site, mount
from ..office_at_work import in_use
from ..pages import new_course

LAYOUT = """{{ seen() }}<title>{% block title %}Campus{% endblock %}</title>{% block styles %}{% endblock %}
<nav>{{ t }}, {{ tn }}, {{ form }}, {{ link("home") }}</nav>
{% block content %}{% endblock %}<footer>{{ title }}{{ seen() }}</footer>"""

OURS = sorted(Path(ascriptica_plugin.__file__).parent.glob("templates/ascriptica/*.html"))
PAGES = ("", "courses/ART", "my/courses", *(f"tools/{name}" for name in ("", "courses/ART", "courses/ART/edit")))
PAGES += ("tools/participants", "tools/canvas", "tools/import", "tools/log", "tools/settings/course-settings")


@pytest.fixture
def seen() -> list[dict]:
    """All names that the host's layout finds, and what they are, whenever it is asked."""
    return []


@pytest.fixture
def names() -> dict:
    """The host's own names in its templates."""
    return {name: f"Campus {name}" for name in ("t", "tn", "form", "title")} | {"link": "Campus {}".format}


@pytest.fixture
def site(tmp_path, seen, names) -> Flask:
    site = make_site(f"sqlite:///{tmp_path}/site.sqlite3", WTF_CSRF_ENABLED=False)
    site.jinja_loader = ChoiceLoader([DictLoader({"campus.html": LAYOUT}), site.jinja_loader])
    site.jinja_env.globals["seen"] = pass_context(lambda context: seen.append(dict(context.get_all())) or "")
    site.context_processor(lambda: names)
    site.add_url_rule("/own", "own", lambda: render_template("campus.html"))
    mount(site, layout="campus.html")
    return site


@pytest.fixture
def boss(site):
    with in_use(site):
        upgrade_tables(site)
    client = site.test_client()
    client.get("/sign-in/1")
    client.post("/registration/tools/courses/new", data=new_course(), follow_redirects=True)
    return client


def text_of(client, path: str) -> str:
    """The page, without the tokens of its forms."""
    return re.sub(r'(name="csrf_token" value=)"[^"]*"', r"\1", client.get(f"/registration/{path}").text)


def test_a_host_s_layout_finds_its_own_names_and_ascriptica(boss, seen, names):
    seen.clear()
    assert boss.get("/own").status_code == 200
    before = seen[0]
    for path in PAGES:
        seen.clear()
        page = boss.get(f"/registration/{path}")
        assert page.status_code == 200, path
        assert "<nav>Campus t, Campus tn, Campus form, Campus home</nav>" in page.text, path
        assert "<footer>Campus title" in page.text, path
        assert len(seen) == 2, path
        for here in seen:
            assert {name for name in here if name not in before} == {"ascriptica"}, path
            assert {name: here[name] for name in names} == names, path


def test_a_host_s_names_change_nothing_on_our_pages(boss, site, names):
    pages = {path: text_of(boss, path) for path in PAGES}
    env = site.jinja_env
    asked = set().union(*(meta.find_undeclared_variables(env.parse(path.read_text())) for path in OURS))
    # Those of Flask's own, and `seen`, are not the host's to change.
    names |= {name: f"Campus {name}" for name in asked - set(env.globals) if name not in names}
    for path, before in pages.items():
        assert text_of(boss, path) == before, path
