"""The world that a practice Canvas starts with, that it finds again after a kill, and that may grow large."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from ascriptica_plugin.practice import create_practice_canvas

SERVER = """
import sys
from pathlib import Path
from ascriptica_plugin.practice import create_practice_canvas, serve
app = create_practice_canvas(Path(sys.argv[1]))
server = serve(app, "127.0.0.1", 0)
print(server.port, app.extensions["practice"].admin_token, flush=True)
server.serve_forever()
"""


def start(data_file: Path) -> tuple[subprocess.Popen[str], str, dict[str, str]]:
    process = subprocess.Popen([sys.executable, "-c", SERVER, data_file], stdout=subprocess.PIPE, text=True)
    port, token = process.stdout.readline().split()
    return process, f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    process.stdout.close()


def test_every_answered_change_survives_a_kill(tmp_path: Path) -> None:
    data_file = tmp_path / "kept" / "canvas.json"
    process, url, headers = start(data_file)
    answered = []

    def register_people() -> None:
        with requests.Session() as session:
            session.headers.update(headers)
            for number in range(10_000):
                login = {"pseudonym[unique_id]": f"p{number}@practice.invalid"}
                user = session.post(f"{url}/api/v1/accounts/self/users", data=login, timeout=5).json()
                person = {"enrollment[user_id]": user["id"], "enrollment[enrollment_state]": "active"}
                course = f"{url}/api/v1/courses/sis_course_id:ART-110/enrollments"
                answered.append(session.post(course, data=person, timeout=5).json()["id"])

    with ThreadPoolExecutor(1) as pool:
        try:
            work = pool.submit(register_people)
            deadline = time.monotonic() + 30
            while len(answered) < 30 and time.monotonic() < deadline:
                time.sleep(0.01)
        finally:
            kill(process)
        assert isinstance(work.exception(), requests.ConnectionError)
    assert len(answered) >= 30
    assert data_file.stat().st_mode & 0o777 == 0o600

    process, url, headers_now = start(data_file)
    try:
        assert headers_now == headers
        rows = requests.get(f"{url}/practice/world", headers=headers, timeout=5).json()["enrollments"]
        assert set(answered) <= {row["id"] for row in rows if row["state"] == "active"}
        login = {"pseudonym[unique_id]": "late@practice.invalid"}
        late = requests.post(f"{url}/api/v1/accounts/self/users", data=login, headers=headers, timeout=5).json()
        assert late["id"] > max(answered)
    finally:
        kill(process)


def test_a_fresh_practice_canvas_has_example_courses() -> None:
    app = create_practice_canvas(admin_token="given")
    world = app.extensions["practice"]
    assert world.admin_token == "given"
    client, headers = app.test_client(), {"Authorization": "Bearer given", "User-Agent": "test"}
    courses = client.get("/api/v1/accounts/self/courses?include[]=concluded", headers=headers).json
    assert {course["sis_course_id"]: course["workflow_state"] for course in courses} == {
        "FOOD-101": "available",
        "AID-200": "available",
        "ART-110": "available",
        "SPA-101": "claimed",
        "BOOK-2025": "completed",
    }
    assert [course["name"] for course in courses if course["concluded"]] == ["Bookkeeping 2025"]
    sections = client.get("/api/v1/courses/sis_course_id:FOOD-101/sections", headers=headers).json
    assert [section["name"] for section in sections] == ["Evening group", "Food Safety Basics", "Morning group"]
    root = client.get("/api/v1/accounts/self", headers=headers).json
    assert (root["name"], root["root_account_id"]) == ("Practice University", None)
    assert all(number >= 10 for kind in (world.accounts, world.users, world.courses) for number in kind)
