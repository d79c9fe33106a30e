"""An example host: a campus site with people, a look, migrations and headers of its own; Ascriptica is an addition.

Its look is Flask-Bootstrap's, which many sites of some years have: its templates are named `bootstrap/...`.
"""

import os

from ascriptica_plugin.migrations import not_ours
from flask import Flask, flash, redirect, render_template, request, url_for
from flask_bootstrap import Bootstrap
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_talisman import Talisman
from flask_wtf import CSRFProtect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ascriptica_plugin import Ascriptica, Person, office


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
ascriptica = Ascriptica(
    load_participant=lambda: current_user.as_person() if current_user.is_authenticated else None,
    may_administer=lambda: current_user.is_staff,
    url_prefix="/courses",
    layout="campus/base.html",
)


class User(UserMixin, Base):
    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    is_staff: Mapped[bool] = mapped_column(default=False)

    def as_person(self) -> Person:
        return Person(str(self.id), self.email, self.name)


def create_app(database_url: str | None = None, *, with_courses: bool = True, **config: object) -> Flask:
    """The site; `with_courses` adds Ascriptica."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ.get("SECRET_KEY", "for trying"),
        SQLALCHEMY_DATABASE_URI=database_url or os.environ["DATABASE_URL"],
        BOOTSTRAP_SERVE_LOCAL=True,
        **config,
    )
    db.init_app(app)
    Migrate(app, db, include_object=not_ours)
    CSRFProtect(app)
    Bootstrap(app)
    Talisman(app, force_https=False, content_security_policy={"default-src": "'self' https://cdn.example"})
    manager = LoginManager(app)
    manager.login_view = "sign_in"
    manager.user_loader(lambda number: db.session.get(User, int(number)))
    if with_courses:
        ascriptica.init_app(app)
    _add_pages(app)
    return app


def _add_pages(app: Flask) -> None:
    @app.get("/")
    def home():
        return render_template("campus/home.html")

    @app.route("/sign-in", methods=["GET", "POST"])
    def sign_in():
        if request.method == "POST":
            user = db.session.scalars(db.select(User).filter_by(email=request.form["email"])).first()
            if user is not None:
                login_user(user)
                return redirect(request.args.get("next") or url_for("home"))
            flash("Nobody has this email.")
        return render_template("campus/sign_in.html")

    @app.post("/sign-out")
    def sign_out():
        logout_user()
        return redirect(url_for("home"))

    @app.route("/profile", methods=["GET", "POST"])
    @login_required
    def profile():
        if request.method == "POST":
            current_user.email = request.form["email"]
            if "ascriptica" in app.extensions:
                office.update_person(db.session, current_user.as_person())
            db.session.commit()
            flash("Saved.")
        return render_template("campus/profile.html")

    @app.errorhandler(404)
    def missing(error):
        return render_template("campus/missing.html"), 404
