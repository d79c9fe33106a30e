"""/healthz."""

from ..office_at_work import in_use, make_app


def test_the_health_page_answers_ok(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"ok": True})


def test_a_process_without_its_tables_is_not_healthy(tmp_path):
    with in_use(make_app(f"sqlite:///{tmp_path}/nothing.sqlite3")) as app:
        answer = app.test_client().get("/healthz")
    assert answer.status_code == 503
    assert answer.json["ok"] is False
