"""The pages for people."""

from ..practice_canvas import Practice


def test_pages_show_the_roster_and_say_that_this_is_not_canvas(practice: Practice) -> None:
    ids = practice.seed(
        users={"kim": {"name": "Kim <b>Lee</b>", "login": "kim@example.org"}},
        courses={"art": {"name": "Art"}},
        enrollments={"e1": {"user": "kim", "course": "art", "state": "deleted"}},
    )
    for path in ("/", f"/accounts/{ids['account.root']}", f"/courses/{ids['course.art']}"):
        page = practice.session.get(practice.url + path, timeout=5)
        assert "This is the practice Canvas, not Canvas." in page.text
        assert "Kim &lt;b&gt;Lee&lt;/b&gt;" in page.text
        assert 'class="gone"' in page.text
        assert "style=" not in page.text
    for file in ("practice.js", "practice.css"):
        assert practice.session.get(f"{practice.url}/static/{file}", timeout=5).status_code == 200
    missing = practice.session.get(f"{practice.url}/courses/{ids['user.kim']}", timeout=5)
    assert missing.status_code == 404
    assert "practice Canvas" in missing.text
