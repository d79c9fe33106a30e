"""Troubles, with us or in Canvas, that bring a cause about: Lou registers for ART and has the trouble."""

from collections.abc import Callable
from datetime import timedelta

from cryptography.fernet import Fernet, MultiFernet

from ascriptica_plugin.canvas.client import CanvasClient
from ascriptica_plugin.canvas.scopes import SCOPES
from ascriptica_plugin.office import courses
from ascriptica_plugin.shared import pauses
from ascriptica_plugin.tables.canvas import load_settings
from ascriptica_plugin.tables.office import Association

from ..developer_keys import connect_with_key
from .scene import Scene


def throttled(scene: Scene) -> None:
    scene.faults("* *", fault="throttle", status=429)
    scene.register()
    scene.office.deliver(stop=lambda: bool(scene.canvas.read("calls")["calls"]))


def no_changes(scene: Scene) -> None:
    """Canvas can be read, and fails at whatever changes something."""
    scene.faults("POST *", fault="status", status=503)
    for number in range(pauses.FAILED_CHANGES):
        scene.office.register(scene.art, f"p{number}")
    scene.register()


def key_is_gone(scene: Scene) -> None:
    scene.register()
    scene.office.canvases.keys = MultiFernet([Fernet(Fernet.generate_key())])


def key_is_revoked(scene: Scene) -> None:
    connection = connect_with_key(scene.office)
    scene.canvas.change_key({"client_id": connection.client_id}, revoke=True)


def approved_for_too_little(scene: Scene) -> None:
    """As with a key that was approved before a release of ours that makes another call."""
    connect_with_key(scene.office, approved=tuple(scope for scope in SCOPES if "POST|/api/v1/courses" not in scope))


def section_is_gone(scene: Scene) -> None:
    late = scene.canvas.ids["section.art.late"]
    scene.office.associate(scene.art, "art", late)
    scene.canvas.admin.delete(f"{scene.canvas.api}/sections/{late}", timeout=10).raise_for_status()
    scene.register()


def user_is_gone(scene: Scene) -> None:
    """The SIS ID belongs to a user who was deleted; Canvas keeps it for them."""
    scene.no_user()
    account = f"accounts/{scene.canvas.ids['account.root']}"
    form = {"user[name]": "Lou", "pseudonym[unique_id]": "old", "pseudonym[sis_user_id]": "L-9"}
    old = scene.canvas.hand("POST", f"{account}/users", **form)
    scene.canvas.hand("DELETE", f"{account}/users/{old['id']}")
    scene.register()
    scene.correct(sis_user_id="L-9")


def unpublished(scene: Scene) -> None:
    scene.course("claim")
    scene.associate(str(scene.canvas.ids["course.art"]))
    scene.register()


def opens_late(scene: Scene) -> None:
    scene.art.starts_at = scene.office.now + timedelta(hours=1)
    scene.office.session.commit()
    scene.dates(start_at=(scene.office.now + timedelta(days=2)).isoformat())
    scene.associate(str(scene.canvas.ids["course.art"]))
    scene.register()


def no_account(scene: Scene) -> None:
    scene.no_user()
    load_settings(scene.office.session).create_users = False
    scene.office.session.commit()
    scene.register()


def sign_in_is_gone(scene: Scene) -> None:
    """The office chose single sign-on of a kind that Canvas no longer has."""
    scene.no_user()
    settings = load_settings(scene.office.session)
    settings.way_in, settings.connection.sign_in_id = "sso", 99
    scene.office.session.commit()
    scene.register()


def two_of_one(scene: Scene) -> None:
    """Somebody with Lou's email was registered by the office, and the two are not known to be one person."""
    scene.office.register(scene.office.course("CHEM", "bio"), "lou", key=None)
    scene.office.deliver()
    scene.register()


def removed_by_hand(scene: Scene) -> None:
    scene.register()
    scene.office.deliver()
    row = next(row for login, _, row, _, _ in scene.canvas.rows() if login == "lou@example.org")
    scene.canvas.hand("DELETE", f"courses/{scene.canvas.ids['course.art']}/enrollments/{row}", task="delete")
    scene.office.recheck("art")


def blueprint(scene: Scene) -> None:
    scene.office.associate(scene.art, "blue")
    scene.register()


def refused(scene: Scene) -> None:
    scene.faults(f"POST /courses/{scene.canvas.ids['course.art']}/", fault="status", status=422)
    scene.register()
    scene.office.deliver()
    assert "we keep trying automatically" in scene.get(scene.lou, "/courses/ART")
    assert "We try again automatically, less and less often." in scene.causes()
    for _ in range(pauses.TRIES - 1):
        scene.office.later(minutes=20)
        scene.office.deliver()


def unforeseen(scene: Scene) -> None:
    scene.register()
    with scene.monkeypatch.context() as patch:
        patch.setattr(CanvasClient, "search_users", lambda *_: 1 / 0)
        scene.office.deliver()


def unknown_course(scene: Scene) -> None:
    typed = Association(connection_id=1, canvas_course="sis_course_id:NOPE", look_up_at=scene.office.now)
    courses.associate(scene.office.session, scene.art, typed, scene.office.now)
    scene.office.session.commit()
    scene.register()


def without(*permissions: str) -> Callable[[Scene], object]:
    def reach(scene: Scene) -> None:
        scene.canvas.options(permissions={"without": [*permissions, "manage_students"]})
        scene.register()

    return reach


def after(act: Callable[[Scene], object]) -> Callable[[Scene], object]:
    """Something happens in Canvas, then Lou registers."""

    def reach(scene: Scene) -> None:
        act(scene)
        scene.register()

    return reach
