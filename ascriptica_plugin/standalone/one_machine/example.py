"""The example world of an empty database: two sign-ins, courses, and the practice Canvas connected."""

import json
import secrets
from datetime import timedelta
from pathlib import Path

from flask import Flask

from ...office.courses import associate
from ...practice.world import ROOT_ACCOUNT_ID
from ...shared import clock
from ...sync import checking, connecting
from ...tables.canvas import load_settings
from ...tables.columns import begin_writing
from ...tables.office import Association, Course
from ..accounts import accounts
from .instance import Instance, practice_url

ADMIN, PARTICIPANT = "admin@example.org", "pat@example.org"


class PracticeCanvas:
    """The practice Canvas of this run, used over HTTP like any Canvas."""

    def __init__(self, port: int, data_file: Path):
        self.url, self._data_file = practice_url(port), data_file
        self.token = ""
        self.findings: checking.Findings | None = None

    def answers(self) -> bool:
        """Whether it can be used; sets `token` and `findings` if so."""
        try:
            self.token = json.loads(self._data_file.read_text(encoding="utf-8"))["admin_token"]
        except FileNotFoundError:
            return False
        self.findings = checking.check_connection(self.url, self.token, ROOT_ACCOUNT_ID, allow_private=True).findings
        return self.findings is not None


def _example_courses() -> list[Course]:
    """Example courses: two share a Canvas course, and one is not in Canvas."""
    evening = clock.utc_now().replace(hour=18, minute=0, second=0, microsecond=0)
    courses = []
    for code, title, weeks, capacity, description in (
        ("FOOD-101", "Food Safety Basics", 2, 20, "Hygiene, storage and labelling for everybody who works with food."),
        ("FOOD-101-E", "Food Safety Basics, evening group", 3, 12, "The same course, after work."),
        ("AID-200", "First Aid", 4, 2, "A small group with much practice: two places only."),
        ("ART-110", "Watercolour for Beginners", 5, None, "Brushes, paper and colours are there. No limit."),
        ("SPA-101", "Spanish I", 6, 15, "From the first word to a simple conversation."),
        ("WALK-1", "A Walk through the Old Town", 1, 30, "An afternoon outside; this one has no course in Canvas."),
    ):
        starts_at = evening + timedelta(weeks=weeks)
        course = Course(code=code, title=title, capacity=capacity, description=description, starts_at=starts_at)
        course.ends_at = starts_at + (timedelta(hours=2) if code == "WALK-1" else timedelta(weeks=8, hours=2))
        course.registration_closes_at = starts_at - timedelta(days=1)
        courses.append(course)
    return courses


_IN_CANVAS = {
    "FOOD-101": ("sis_course_id:FOOD-101", ""),
    "FOOD-101-E": ("sis_course_id:FOOD-101", "sis_section_id:FOOD-101-E"),
    "AID-200": ("sis_course_id:AID-200", ""),
    "ART-110": ("sis_course_id:ART-110", ""),
    "SPA-101": ("sis_course_id:SPA-101", ""),
}


def make_example_world(app: Flask, instance: Instance, practice: PracticeCanvas | None) -> dict[str, str]:
    """Make sign-ins, courses and, with a practice Canvas, the connection to it, in one transaction.

    Returns the passwords of the sign-ins. The worker looks the courses up in Canvas as soon as it runs.
    """
    session, canvases = app.extensions["sqlalchemy"].session, app.extensions["ascriptica"].canvases
    now = clock.utc_now()
    passwords = {email: "-".join(secrets.token_hex(2) for _ in range(4)) for email in (ADMIN, PARTICIPANT)}
    instance.keep_sign_ins(passwords)

    begin_writing(session)
    accounts.add_account(session, now, ADMIN, "Alex Office", passwords[ADMIN], admin=True)
    accounts.add_account(session, now, PARTICIPANT, "Pat Example", passwords[PARTICIPANT])
    courses = _example_courses()
    session.add_all(courses)
    if practice and practice.findings:
        settings = load_settings(session)
        connecting.keep_draft(settings, canvases, practice.url, ROOT_ACCOUNT_ID, practice.token)
        connection = connecting.adopt(session, settings, canvases, practice.findings, now)
        settings.display_canvas = True
        for course in courses:
            if course.code in _IN_CANVAS:
                canvas_course, section = _IN_CANVAS[course.code]
                there = Association(canvas_course=canvas_course, canvas_section=section, connection_id=connection.id)
                there.look_up_at = now
                associate(session, course, there, now)
    session.commit()
    return passwords
