"""A site that somebody else wrote, without us in mind: names, hooks, pages and a database of its own."""

import functools

from flask import Flask, flash, g, jsonify, render_template_string, request, session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ascriptica_plugin import Ascriptica, Person

PAGE = """<title>{{ title }}</title><p>{{ motto|office_time }}</p>
{% if is_administrator %}The dean is in.{% endif %}
{% for message in get_flashed_messages() %}<em>{{ message }}</em>{% endfor %}
<form method="post"><input name="csrf_token" value="{{ csrf_token() }}"></form>"""


class Base(DeclarativeBase):
    pass


class Member(Base):
    __tablename__ = "member"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(80))


def make_site(database_url: str, **config: object) -> Flask:
    """The site, with its tables made."""
    site = Flask("foreign")
    site.config.update(SECRET_KEY="the site's own", SQLALCHEMY_DATABASE_URI=database_url, **config)
    db = SQLAlchemy(site, model_class=Base)
    with site.app_context():
        Base.metadata.create_all(db.engine)

    site.jinja_env.filters["office_time"] = str.upper
    site.jinja_env.globals["csrf_token"] = lambda: "the site's own token"
    site.context_processor(lambda: {"is_administrator": request.args.get("dean") == "1", "timezone": "Mars"})

    @site.get("/")
    def home():
        return render_template_string(PAGE, title="Welcome", motto="learn")

    @site.route("/guestbook", methods=["GET", "POST"])
    def guestbook():
        if request.method == "POST":
            db.session.add(Member(name=request.form["name"], email="a@example.org"))
            db.session.commit()
            flash("Thank you.")
        return render_template_string(PAGE, title=f"{db.session.query(Member).count()} members", motto="write")

    @site.post("/api/ping")
    def ping():
        return jsonify(got=request.get_json())

    @site.get("/only/looked/at")
    def looked_at():
        return "seen"

    @site.get("/broken")
    def broken():
        raise LookupError("the site's own mistake")

    @site.get("/sign-in/<int:number>")
    def sign_in(number):
        session["member"] = number
        return "signed in"

    for code in (400, 401, 403, 404, 405, 503):
        site.register_error_handler(code, functools.partial(_error_page, code))
    site.register_error_handler(LookupError, lambda error: (f"The site says: {error}", 500))

    @site.after_request
    def own_headers(response):
        response.headers.setdefault("X-Frame-Options", "SAMEORIGIN")
        response.headers["X-Site"] = "foreign"
        return response

    @site.teardown_request
    def own_teardown(error):
        g.pop("something", None)

    return site


def _error_page(code: int, error: Exception) -> tuple[str, int]:
    return f"The site's own page for {code}.", code


def mount(site: Flask, **how: object) -> list[str]:
    """Mount the plugin at /registration. Returns the names of our callbacks, as they are called."""
    called = []

    def load_participant():
        called.append("load_participant")
        number = session.get("member")
        return Person(str(number), f"m{number}@example.org", f"Member {number}") if number else None

    def may_administer():
        called.append("may_administer")
        return session.get("member") == 1

    how.setdefault("url_prefix", "/registration")
    Ascriptica(site, **{"load_participant": load_participant, "may_administer": may_administer, **how})
    return called
