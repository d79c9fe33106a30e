"""A Canvas that is only quick: every call is answered after the same time, at next to no cost of its own.

    python -m tests.benchmarks.quick

The practice Canvas keeps a world, and its work for each call would count as ours where the time of a call is the
measure. This one remembers nothing but how many calls came, how many were in flight at once, and when each person was
first enrolled; `GET /calls` shows and forgets, `GET /enrolled` shows the latter by number, `GET /flight` how many calls
were in flight since when, `POST /latency/SECONDS` sets the time, `POST /hang/COURSE` lets every call about this course
wait for half a minute.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from collections import deque
from email.utils import formatdate

ANSWERS = {
    r"GET /api/v1/users/self": {"id": 1, "name": "Admin", "login_id": "admin"},
    r"GET /api/v1/users/(\d+)": {"id": 1, "name": "Somebody", "login_id": "somebody"},
    r"GET /api/v1/accounts/\w+/permissions": dict.fromkeys(
        ("manage_user_logins", "read_roster", "view_user_logins", "add_student_to_course",
         "remove_student_from_course", "manage_sis"), True
    ),
    r"GET /api/v1/accounts/(\w+)": {"id": 1, "name": "Quick", "parent_account_id": None, "root_account_id": None},
    r"GET /api/v1/courses/(\d+)": {"id": 42, "name": "Art", "workflow_state": "available"},
}  # fmt: skip
ROWS = 100
"""How many people the one page of a Canvas course's list has; each list has other people."""

HANGS = 25
ENROLLMENT = {"course_id": 42, "course_section_id": 4, "type": "StudentEnrollment", "enrollment_state": "active"}


class Quick:
    """What all connections share."""

    def __init__(self) -> None:
        self.latency = 0.0
        self.ids = itertools.count(1)
        self.enrolled: dict[int, float] = {}
        self.hanging: set[str] = set()
        self.flight: deque[tuple[float, int]] = deque(maxlen=10_000)
        """How many calls were in flight since when; the latest times."""
        self.in_flight = 0
        self.forget()

    def forget(self) -> None:
        self.total = self.most = 0

    def count(self, more: int) -> None:
        self.in_flight += more
        self.most = max(self.most, self.in_flight)
        self.flight.append((time.time(), self.in_flight))

    def answer(self, line: str, query: str, body: str) -> dict | list:
        """Canvas's answer: the person who is found by p7@example.org has the ID 8."""
        if found := re.search(r"search_term=p(\d+)%40", query):
            return [{"id": int(found[1]) + 1, "name": "Somebody", "login_id": f"p{found[1]}@example.org"}]
        if found := re.fullmatch(r"GET /api/v1/courses/(\d+)/enrollments", line):
            return [self.roster_row(int(found[1])) for _ in range(ROWS)]
        for pattern, answer in ANSWERS.items():
            if re.fullmatch(pattern, line):
                return answer
        user = re.search(r"user_id%5D=(?:sis_user_id%3AS-|sis_login_id%3Ap)?(\d+)", body) or re.search(
            r"sis_user_id[:%3A]+S-(\d+)", line
        )
        number = int(user[1]) if user else 0
        if line.startswith("POST"):
            self.enrolled.setdefault(number, time.time())
        if line.startswith("GET"):
            return {"id": number + 1, "name": "Somebody", "login_id": f"p{number}@example.org"}
        course = re.search(r"/courses/(\d+)/", line)
        place = {**ENROLLMENT, "course_id": int(course[1]) if course else 42}
        return {"id": next(self.ids), "user_id": number + 1, "created_at": "2999-01-01T00:00:00Z", **place}

    def roster_row(self, course_id: int) -> dict:
        number = next(self.ids)
        return {"id": number, "user_id": 10**9 + number, "created_at": "2020-01-01T00:00:00Z", **ENROLLMENT} | {
            "course_id": course_id
        }

    def seconds(self, line: str) -> float:
        """How long a call takes."""
        course = re.match(r"\w+ /api/v1/courses/(\d+)/", line)
        return HANGS if course and course[1] in self.hanging else self.latency


class Caller(asyncio.Protocol):
    """One connection: HTTP/1.1, kept alive, one request after the other."""

    def __init__(self, quick: Quick):
        self.quick, self.heard = quick, b""
        self.under_way: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data
        head, found, body = self.heard.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not found or len(body) < (int(length[1]) if length else 0):
            return
        self.heard = b""
        method, path, _ = head.decode().split("\r\n", 1)[0].split(" ")
        path, _, query = path.partition("?")
        line = f"{method} {path}"
        quick = self.quick
        if line == "GET /calls":
            self.send({"total": quick.total, "max_in_flight": quick.most})
            quick.forget()
        elif line.startswith("POST /latency/"):
            quick.latency = float(line.rpartition("/")[2])
            self.send({})
        elif line == "GET /enrolled":
            self.send({str(number): at for number, at in quick.enrolled.items()})
        elif line == "GET /flight":
            self.send(list(quick.flight))
        elif line.startswith("POST /hang/"):
            quick.hanging.add(line.rpartition("/")[2])
            self.send({})
        else:
            quick.total += 1
            quick.count(1)
            answer = quick.answer(line, query, body.decode())
            self.under_way = asyncio.get_running_loop().call_later(quick.seconds(line), self.send_call, answer)

    def connection_lost(self, error: Exception | None) -> None:
        # The caller waits no longer.
        if self.under_way is not None:
            self.under_way.cancel()
            self.quick.count(-1)

    def send_call(self, answer: dict | list) -> None:
        self.under_way = None
        self.quick.count(-1)
        self.send(answer)

    def send(self, answer: dict | list) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {formatdate(usegmt=True)}\r\n"
        # As Canvas reports a bucket of 600 in which each call under way reserves 50.
        head += f"X-Rate-Limit-Remaining: {600 - 50 * self.quick.in_flight}\r\n"
        self.transport.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)


async def main() -> None:
    """Serve until the end; says on which port."""
    quick = Quick()
    server = await asyncio.get_running_loop().create_server(lambda: Caller(quick), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
