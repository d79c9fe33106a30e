"""An example host without pages of ours for participants: its own are JSON. The office uses Tools."""

import os

from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ascriptica_plugin import Ascriptica, Person, office


class Base(DeclarativeBase):
    pass


class Member(Base):
    __tablename__ = "member"

    token: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    is_staff: Mapped[bool] = mapped_column(default=False)


db = SQLAlchemy(model_class=Base)


def member() -> Member | None:
    return db.session.get(Member, request.headers.get("X-Token", ""))


def person() -> Person | None:
    found = member()
    return Person(found.token, found.email, found.name) if found else None


def create_app(database_url: str | None = None, **config: object) -> Flask:
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ.get("SECRET_KEY", "for trying"),
        SQLALCHEMY_DATABASE_URI=database_url or os.environ["DATABASE_URL"],
        **config,
    )
    db.init_app(app)
    Ascriptica(
        app,
        load_participant=person,
        may_administer=lambda: member().is_staff,
        pages=("tools",),
        url_prefix="/office",
    )

    @app.route("/api/courses/<code>/registration", methods=["PUT", "DELETE"])
    def registration(code):
        if (who := person()) is None:
            return jsonify(error="Who are you?"), 401
        try:
            if request.method == "PUT":
                status = office.register(db.session, code, who, wait=request.args.get("wait") == "1")
            else:
                status = "withdrawn"
                office.withdraw(db.session, code, who)
        except office.NotPossible as reason:
            db.session.rollback()
            return jsonify(error=str(reason)), 409
        db.session.commit()
        return jsonify(status=status)

    @app.put("/api/courses/<code>/canvas")
    def canvas(code):
        office.associate(db.session, code, request.get_json()["canvas_course"])
        db.session.commit()
        return jsonify(ok=True)

    @app.delete("/api/me")
    def forget_me():
        who = member()
        office.erase_person(db.session, who.token)
        db.session.delete(who)
        db.session.commit()
        return jsonify(ok=True)

    return app
