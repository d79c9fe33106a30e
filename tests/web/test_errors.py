"""What a page says when something fails, or when what was sent is no text at all."""

import pytest
from sqlalchemy import event

from ascriptica_plugin.tables.office import Course

from ..office_at_work import PASSWORD, in_use, make_app, sign_in
from ..pages import ELSEWHERE, all_of, words


@pytest.mark.parametrize("url", ["sqlite:////nowhere/office.sqlite3", "postgresql+psycopg://127.0.0.1:1/office"])
def test_a_page_without_its_database_says_so_and_when_to_come_back(url):
    with in_use(make_app(url)) as app:
        answer = app.test_client().get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "We can't reach our records at the moment" in words(answer)


def test_a_full_disk_leaves_nobody_half_registered(sqlite_url):
    with in_use(make_app(sqlite_url)) as app:
        session, kim = app.extensions["sqlalchemy"].session, app.test_client()
        sign_in(kim, app, "kim@example.org")
        session.add(Course(code="ART", title="Art"))
        session.commit()
        kim.get("/courses/ART")
        # Not a page more than the file has.
        engine, pages = app.extensions["sqlalchemy"].engine, "PRAGMA max_page_count = {}"
        fill, free = (lambda to, _, most=most: to.execute(pages.format(most)) for most in (1, 2**30))
        session.remove()
        engine.dispose()
        event.listen(engine, "connect", fill)
        tried = ((verb, kim.post(f"/courses/ART/{verb}")) for _ in range(40) for verb in ("register", "withdraw"))
        verb, refused = next((verb, answer) for verb, answer in tried if answer.status_code != 302)
        assert refused.status_code == 503
        assert "Check whether your last step was saved" in words(refused)
        event.remove(engine, "connect", fill)
        event.listen(engine, "connect", free)
        engine.dispose()
        [course] = all_of(app, Course)
        assert course.places_taken == (verb == "withdraw")
        assert kim.post(f"/courses/ART/{verb}").status_code == 302
        [course] = all_of(app, Course)
        assert course.places_taken == (verb == "register")


def test_odd_input_is_answered_without_an_error_page(app, client):
    answer = client.post("/sign-in", data={"email": "a\x00@example.org", "password": PASSWORD})
    assert answer.status_code == 422
    sign_in(client, app, "boss@example.org", admin=True)
    odd = {"cause": "x\x00", "scope": "\x00"}
    assert client.post("/tools/canvas/try-again", data=odd).status_code == 302
    assert client.get("/nope", headers={"Referer": "http://["}).status_code == 404
    assert client.get("/tools/canvas?page=99999999999999999999&search=%00&standing=x").status_code == 200
    host = ".".join(["a" * 60] * 4) + ".example"
    form = {"display_canvas": "y", "canvas_url": f"https://{host}", "canvas_token": "a~b", "canvas_root_id": "1"}
    assert client.post("/tools/settings/course-settings", data=form).status_code in (302, 422)


@pytest.mark.parametrize("path", ELSEWHERE)
def test_the_error_page_leads_to_no_other_site(app, client, path):
    sign_in(client, app, "kim@example.org")
    page = client.post("/tools/courses/new", headers={"Referer": f"http://localhost{path}"})
    assert page.status_code == 403
    assert "Open the page again" not in page.text
    assert "evil.example" not in page.text
    there = client.post("/tools/courses/new", headers={"Referer": "http://localhost/tools/courses"})
    assert 'href="/tools/courses">Open the page again' in there.text
