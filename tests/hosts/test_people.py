"""A host's people: who is there, who may administer, where one signs in, who has changed and who is gone."""

from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_user

from ascriptica_plugin import Person, office
from ascriptica_plugin.tables.office import Participant, Registration
from ascriptica_plugin.tables.upgrade import upgrade_tables

from ..office_at_work import Office, in_use
from ..pages import all_of
from .foreign import make_site, mount


@pytest.fixture
def site(tmp_path) -> Flask:
    return make_site(f"sqlite:///{tmp_path}/site.sqlite3", WTF_CSRF_ENABLED=False)


class User(UserMixin):
    def __init__(self, number: str):
        self.id, self.is_admin = number, number == "1"


def with_flask_login(site: Flask, login_view: str | None = "login") -> None:
    """Flask-Login as most have it, and our two functions as its users write them."""
    manager = LoginManager(site)
    manager.login_view = login_view
    manager.user_loader(User)

    @site.get("/login")
    def login():
        return "Who are you?"

    @site.get("/login/<number>")
    def let_in(number):
        login_user(User(number))
        return "Welcome."

    mount(
        site,
        load_participant=lambda: (
            Person(current_user.id, f"u{current_user.id}@example.org", "U") if current_user.is_authenticated else None
        ),
        # Nobody's is_admin: Flask-Login's anonymous user has none.
        may_administer=lambda: current_user.is_admin,
    )


def test_a_stranger_is_led_to_the_host_s_sign_in(site):
    with_flask_login(site)
    with in_use(site):
        upgrade_tables(site)
        Office(site, None).course("ART")
    # Outside of that context, in which Flask-Login would keep who is there.
    stranger = site.test_client()
    for path in ("/registration/my/courses", "/registration/tools/courses"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.location) == (302, f"/login?next={path.replace('/', '%2F')}")
    for path, page in (("tools/courses/new", "tools/courses/new"), ("courses/ART/register", "courses/ART")):
        back = parse_qs(urlsplit(stranger.post(f"/registration/{path}").location).query)["next"]
        assert back == [f"/registration/{page}"]
        assert stranger.get(back[0]).status_code != 405
    assert 'href="/login?next=/registration/courses/ART"' in stranger.get("/registration/courses/ART").text
    assert stranger.get("/registration/").status_code == 200
    somebody, boss = site.test_client(), site.test_client()
    somebody.get("/login/2")
    boss.get("/login/1")
    assert somebody.get("/registration/tools/courses").status_code == 403
    assert somebody.get("/registration/my/courses").status_code == 200
    assert boss.get("/registration/tools/courses").status_code == 200


def test_flask_login_s_own_answer_to_strangers_is_kept(site):
    with_flask_login(site)
    site.login_manager.unauthorized_handler(lambda: ("Who goes there?", 418))
    with in_use(site):
        upgrade_tables(site)
        answer = site.test_client().get("/registration/my/courses")
        assert (answer.status_code, answer.text) == (418, "Who goes there?")


def test_the_host_s_401_page_answers_strangers_where_there_is_no_flask_login(site):
    mount(site)
    with in_use(site):
        upgrade_tables(site)
        answer = site.test_client().get("/registration/my/courses")
        assert (answer.status_code, answer.text) == (401, "The site's own page for 401.")


@pytest.mark.parametrize("sign_in", ["entrance", "/doors/main"])
def test_the_host_s_sign_in_page_is_linked_and_visitors_are_sent_to_it(site, sign_in):
    site.add_url_rule("/doors/main", "entrance", lambda: "Come in.")
    mount(site, sign_in=sign_in)
    with in_use(site):
        upgrade_tables(site)
        Office(site, None).course("ART")
        stranger = site.test_client()
        answer = stranger.get("/registration/my/courses?a=b")
        assert answer.status_code == 302
        where = urlsplit(answer.location)
        assert (where.path, parse_qs(where.query)) == ("/doors/main", {"next": ["/registration/my/courses?a=b"]})
        assert "/doors/main?next=" in stranger.get("/registration/courses/ART").text


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"load_participant": lambda: User("1")}, "load_participant must return an ascriptica_plugin.Person or None"),
        ({"load_participant": lambda: Person(1, "a@example.org", "A")}, "load_participant: key of the Person"),
        ({"load_participant": lambda: Person("1", None, "A")}, "load_participant: email of the Person"),
        (
            {"load_participant": lambda: Person("1", "a@example.org", "A"), "may_administer": lambda: None},
            "may_administer must return True or False, not NoneType",
        ),
    ],
)
def test_a_wrong_return_value_is_refused_with_the_function_s_name(site, how, message):
    mount(site, **how)
    site.testing = True
    with in_use(site):
        upgrade_tables(site)
        with pytest.raises(TypeError, match=message):
            site.test_client().get("/registration/")


def test_the_host_says_that_a_person_has_changed_or_is_gone(app):
    here = Office(app, None)
    course = here.course()
    here.register(course)
    session = here.session
    assert not office.update_person(session, Person("nobody", "x@example.org", "X"))
    assert not office.update_person(session, Person("kim", "kim@example.org", "Kim"))
    assert office.update_person(session, Person("kim", "Kim.New@example.org", "Kim New", "S1"))
    session.commit()
    [kim] = all_of(app, Participant)
    assert (kim.email, kim.name, kim.sis_user_id) == ("Kim.New@example.org", "Kim New", "S1")
    with pytest.raises(ValueError, match="not an email"):
        office.update_person(session, Person("kim", "nonsense", "Kim"))
    assert not office.erase_person(session, "nobody")
    assert office.erase_person(session, "kim")
    session.rollback()
    assert [one.status for one in all_of(app, Registration)] == ["registered"]
    assert office.erase_person(session, "kim")
    session.commit()
    assert [one.status for one in all_of(app, Registration)] == ["withdrawn"]
    assert [(one.key, one.erase_at is not None) for one in all_of(app, Participant)] == [(None, True)]
