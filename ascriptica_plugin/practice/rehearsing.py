"""The page where the administrator steers this Canvas by hand: what to type to connect to it, tokens, moods.

Real Canvas has no such page. Anybody who knows the administrator's password may use it; it is printed when the server
starts.
"""

import hashlib
import hmac
from dataclasses import replace

from flask import Blueprint, Flask, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from .pages import COURSE_STATES, recent_calls, rosters
from .records import Token, new_token
from .rules_courses import change_course
from .rules_enrollments import set_state
from .traffic import Options, Throttle, Traffic
from .world import ADMIN_USER_ID, World

ADMIN_NAME = "admin"

MOODS = {
    "well": Options(),
    "down": Options(down=True),
    "slow": Options(latency_seconds=3),
    "throttling": Options(throttle=Throttle(enabled=True, hwm=100)),
}


CHANGED_BY = {"offer": "unpublished", "claim": "published"}
"""The events of Canvas that change a course from this state to the other one."""


def password_of(admin_token: str) -> str:
    """The administrator's password. It is made from the token, so that nothing more has to be stored."""
    return hashlib.sha256(f"password {admin_token}".encode()).hexdigest()[:16]


def mount(app: Flask, world: World, traffic: Traffic) -> None:
    """Add the page to the app, with a session of its own for the administrator."""
    app.secret_key = hashlib.sha256(f"session {world.admin_token}".encode()).hexdigest()
    # Other sites on this machine have cookies of their own, whatever their port.
    app.config.update(SESSION_COOKIE_NAME="practice_canvas", SESSION_COOKIE_SAMESITE="Strict")
    rehearsing = Blueprint("rehearsing", __name__, url_prefix="/rehearse")

    @rehearsing.before_request
    def let_in() -> ResponseReturnValue | None:
        if request.method == "POST":
            try:
                validate_csrf(request.form.get("csrf_token"))
            except ValidationError:
                abort(400)
        if session.get("admin") or request.endpoint in ("rehearsing.page", "rehearsing.sign_in"):
            return None
        return redirect(url_for("rehearsing.page"))

    @rehearsing.app_context_processor
    def for_forms() -> dict[str, object]:
        return {"csrf_token": generate_csrf, "is_admin": "admin" in session}

    @rehearsing.get("")
    def page() -> str:
        return _page()

    @rehearsing.post("/sign-in")
    def sign_in() -> ResponseReturnValue:
        typed = (request.form.get("name", "").strip(), request.form.get("password", "").strip())
        right = (ADMIN_NAME, password_of(world.admin_token))
        if not hmac.compare_digest("\n".join(typed).encode(), "\n".join(right).encode()):
            return _page(wrong=True), 422
        session["admin"] = True
        return redirect(url_for("rehearsing.page"))

    @rehearsing.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        session.clear()
        return redirect(url_for("rehearsing.page"))

    @rehearsing.post("/mood")
    def change_mood() -> ResponseReturnValue:
        mood = MOODS.get(request.form.get("mood", "")) or abort(400)
        traffic.options = replace(mood)
        return redirect(url_for("rehearsing.page"))

    @rehearsing.post("/courses/<int:course_id>")
    def publish(course_id: int) -> ResponseReturnValue:
        """What a teacher does with the button on a course's page: publish or unpublish it."""
        event = request.form.get("event")
        with world.lock:
            course = world.courses.get(course_id) or abort(404)
            # Canvas has no such button on a course that is concluded or deleted.
            if CHANGED_BY.get(event or "") != COURSE_STATES[course.workflow_state]:
                abort(400)
            change_course(world, course, str(event))
        world.keep()
        return redirect(url_for("pages.course", course_id=course_id))

    @rehearsing.post("/tokens")
    def make_token() -> str:
        """Make a token like that of Account → Settings → + New Access Token; it is shown only once."""
        made = Token(new_token(), ADMIN_USER_ID, purpose="Made by hand")
        with world.lock:
            world.add(made)
        world.keep()
        return _page(token=made.value)

    @rehearsing.post("/enrollments/<int:enrollment_id>")
    def remove_person(enrollment_id: int) -> ResponseReturnValue:
        """What a teacher does on a course's page People: take somebody out of the course."""
        with world.lock:
            row = world.enrollments.get(enrollment_id) or abort(404)
            set_state(world, row, "deleted")
        world.keep()
        return redirect(url_for("pages.course", course_id=row.course_id))

    def _page(*, wrong: bool = False, token: str = "") -> str:
        if not session.get("admin"):
            return render_template("practice/sign_in.html", wrong=wrong)
        mood = next((name for name, options in MOODS.items() if options == traffic.options), "")
        with world.lock:
            people = sorted(world.users.values(), key=lambda user: user.name)
            logins = {user.id: world.login_of(user) for user in people}
        return render_template(
            "practice/rehearse.html",
            api=request.host_url + "api/v1",
            root_id=world.root_account_id,
            token=token,
            mood=mood,
            moods=MOODS,
            # The administrator's login is not an email address, so nobody can register with it.
            people=[
                (user.name, login.unique_id, login.sis_user_id)
                for user in people
                if (login := logins[user.id]) and user.id != ADMIN_USER_ID
            ],
            rosters=rosters(world),
            letters=list(world.letters),
            **recent_calls(traffic),
        )

    app.register_blueprint(rehearsing)
