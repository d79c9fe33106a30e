"""Where people sign in to this Canvas: the page behind a registration link, the sign-ins, and what people see then."""

from flask import Blueprint, Flask, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from .records import User
from .rules_sign_in import (
    SHORTEST_PASSWORD,
    SINGLE_SIGN_ONS,
    choose_password,
    user_of_single_sign_on,
    user_who_signs_in,
    user_with_link,
)
from .world import World


def mount(app: Flask, world: World) -> None:
    """Add the pages to the app, at the addresses of Canvas's own."""
    door = Blueprint("door", __name__)

    @door.before_request
    def check_form() -> None:
        if request.method == "POST":
            try:
                validate_csrf(request.form.get("csrf_token"))
            except ValidationError:
                abort(400)

    @door.context_processor
    def for_forms() -> dict[str, object]:
        return {"csrf_token": generate_csrf}

    @door.route("/register/<code>", methods=["GET", "POST"])
    def register(code: str) -> ResponseReturnValue:
        wrong = ""
        with world.lock:
            user = user_with_link(world, code)
            if user is None:
                return render_template("practice/register.html", user=None), 400
            if request.method == "POST":
                try:
                    choose_password(world, user, request.form.get("password", ""))
                except ValueError as reason:
                    wrong = str(reason)
                else:
                    world.keep()
                    return _let_in(user)
            login = world.login_of(user)
        shown = render_template(
            "practice/register.html", user=user, login=login, wrong=wrong, shortest=SHORTEST_PASSWORD
        )
        return shown, 422 if wrong else 200

    @door.route("/login/canvas", methods=["GET", "POST"])
    def sign_in() -> ResponseReturnValue:
        wrong = request.method == "POST"
        if wrong:
            with world.lock:
                user = user_who_signs_in(world, request.form.get("login", ""), request.form.get("password", ""))
            if user is not None:
                return _let_in(user)
        return render_template("practice/login.html", wrong=wrong, others=SINGLE_SIGN_ONS), 422 if wrong else 200

    @door.route(f"/login/<any({', '.join(SINGLE_SIGN_ONS)}):kind>", methods=["GET", "POST"])
    def single_sign_on(kind: str) -> ResponseReturnValue:
        """The school's own sign-in page, and Canvas's answer to what it sends, on one page."""
        login = request.form.get("login", "")
        if request.method == "POST":
            with world.lock:
                user = user_of_single_sign_on(world, kind, login)
            if user is not None:
                return _let_in(user)
        shown = render_template("practice/single_sign_on.html", kind=kind, login=login)
        return shown, 422 if request.method == "POST" else 200

    @door.post("/logout")
    def sign_out() -> ResponseReturnValue:
        session.pop("user", None)
        return redirect(url_for("door.sign_in"))

    @door.get("/dashboard")
    def dashboard() -> ResponseReturnValue:
        with world.lock:
            user = world.users.get(session.get("user", 0))
            if user is None:
                return redirect(url_for("door.sign_in"))
            rows = [row for row in world.rows_of(user_id=user.id) if row.workflow_state == "active"]
            courses = [world.courses[row.course_id] for row in rows]
            login = world.login_of(user)
        return render_template("practice/dashboard.html", user=user, login=login, courses=courses)

    app.register_blueprint(door)


def _let_in(user: User) -> ResponseReturnValue:
    session["user"] = user.id
    return redirect(url_for("door.dashboard"))
