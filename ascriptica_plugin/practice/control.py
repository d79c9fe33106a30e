"""The controls under /practice, with which tests steer this Canvas. Real Canvas has none of them.

They accept only JSON, so that no other site's form can use them. A world that is kept in a file can be controlled by
those who can read that file: they send the admin's token, which is in it. A world that is only in memory can be
controlled from this machine without the token, and from elsewhere with it.
"""

import hmac
import ipaddress
import secrets
from dataclasses import asdict, replace
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request

from .calls import presented_token
from .records import ENROLLMENT_STATES, PERMISSIONS, DeveloperKey, as_time
from .rules_enrollments import set_state
from .rules_imports import carry_out_due
from .rules_tokens import revoke_tokens_of
from .seed import PARTS, sow
from .traffic import Throttle, Traffic
from .world import World

ADMIN_S = ("token", "permissions", "lacking", "token_expires_at")
TOKEN_STATES = ("active", "revoked", "expired")
IMPORTS = ("on", "off", "stuck")


def mount(app: Flask, world: World, traffic: Traffic) -> None:
    """Add the controls to the app."""
    control = Blueprint("control", __name__, url_prefix="/practice")

    @control.before_request
    def let_in() -> tuple[Response, int] | None:
        token = (presented_token(request.environ) or "").encode()
        if hmac.compare_digest(token, world.admin_token.encode()):
            return None
        if world.data_file is None and _is_on_this_machine(request.remote_addr):
            return None
        where = "in its data file" if world.data_file else "that was printed at its start"
        return jsonify(error=f"Send the admin's token, {where}, as Authorization: Bearer TOKEN."), 401

    @control.post("/seed")
    def seed() -> Any:
        """Delete everything, including options, faults and calls, and create what `given` names; the admin's token
        stays."""
        given = request.get_json().get("given") or {}
        throttle = {name: value for name, value in given.get("throttle", {}).items() if name in PARTS["throttle"]}
        traffic.settle()
        world.clock_offset_seconds = 0
        world.imports_are, world.import_seconds = "on", 0.0
        with world.lock:
            world.clear()
            outcome = sow(world, given)
        traffic.options.throttle = Throttle(**throttle)
        return jsonify(outcome)

    @control.get("/seed")
    def seeded() -> Any:
        """What the API can't show: how many mails this Canvas has sent."""
        return jsonify(mails=world.mails)

    @control.post("/options")
    def set_options() -> Any:
        """Change the options that are named. Returns all options.

        `token`, `permissions` and `lacking` are the admin's; `lacking`: {course id: permissions missing there}.
        `token_expires_at`: when the admin's token ends. `next_id`: the id that the next row gets, such as one above
        2^53. `imports`: on, off, or stuck (none ever ends). `import_seconds`: how long each takes.
        """
        wanted = dict(request.get_json())
        options = traffic.options
        if "throttle" in wanted:
            wanted["throttle"] = replace(options.throttle, **wanted["throttle"])
        admin = {name: wanted.pop(name) for name in ADMIN_S if name in wanted}
        offset = float(wanted.pop("clock_offset_seconds", world.clock_offset_seconds))
        imports = wanted.pop("imports", world.imports_are)
        import_seconds = float(wanted.pop("import_seconds", world.import_seconds))
        if imports not in IMPORTS:
            raise ValueError(f"imports is one of {', '.join(IMPORTS)}")
        # It stays as it is unless it is named: other requests take ids at the same time, and no id may be given out
        # twice.
        next_id = int(wanted.pop("next_id")) if "next_id" in wanted else None
        options = replace(options, **wanted)
        if admin.get("token", "active") not in TOKEN_STATES or options.denied_status not in (401, 403):
            raise ValueError("token is active, revoked or expired; denied_status is 401 or 403")
        with world.lock:
            _change_admin(world, admin)
            traffic.options, world.clock_offset_seconds = options, offset
            world.imports_are, world.import_seconds = imports, import_seconds
            world.next_id = world.next_id if next_id is None else next_id
            token = world.tokens[world.admin_token]
            return jsonify(
                asdict(options)
                | {
                    "clock_offset_seconds": offset,
                    "next_id": world.next_id,
                    "imports": imports,
                    "import_seconds": import_seconds,
                    "token": token.state,
                    "permissions": token.permissions,
                    "lacking": token.lacking,
                }
            )

    @control.post("/snapshot")
    def take_snapshot() -> Any:
        """Remember the whole world, except options, faults and calls, until the next snapshot or seed."""
        with world.lock:
            world.take_snapshot()
            return jsonify(next_id=world.next_id)

    @control.post("/restore")
    def restore_snapshot() -> Any:
        """Bring the world back as it was at the snapshot. A snapshot can be restored more than once."""
        with world.lock:
            world.restore_snapshot()
            return jsonify(next_id=world.next_id)

    @control.post("/enrollments/<int:row_id>")
    def change_enrollment(row_id: int) -> Any:
        """Change an enrollment's `state`, even in ways that no call of Canvas's API can; or its `scores` and
        `last_activity_at`, as the work of its person and the teachers does."""
        wanted = request.get_json()
        if not wanted.keys() & {"state", "scores", "last_activity_at"}:
            raise ValueError("name a state, scores or last_activity_at")
        with world.lock:
            row = world.enrollments[row_id]
            state = wanted.get("state", row.workflow_state)
            if state not in ENROLLMENT_STATES:
                raise ValueError(f"state is one of {', '.join(ENROLLMENT_STATES)}")
            if "state" in wanted:
                set_state(world, row, state)
            row.scores = dict(wanted.get("scores", row.scores))
            row.last_activity_at = as_time(wanted.get("last_activity_at")) or row.last_activity_at
            world.changed()
        return jsonify(id=row_id, state=state)

    @control.post("/courses/<int:course_id>/modules")
    def change_modules(course_id: int) -> Any:
        """Set how many `requirements` the course's modules have, and how many users have `met`: {user id: n}."""
        wanted = request.get_json()
        with world.lock:
            course = world.courses[course_id]
            course.requirements = int(wanted.get("requirements", course.requirements))
            course.met |= {str(user): (int(many), world.now()) for user, many in wanted.get("met", {}).items()}
            world.changed()
        return jsonify(id=course_id, requirements=course.requirements)

    @control.post("/developer-keys")
    def make_developer_key() -> Any:
        """Make a key with the fields of `records.DeveloperKey`. Returns its `client_id` and `client_secret`."""
        fields = request.get_json()
        with world.lock:
            key = DeveloperKey(world.new_id(), secrets.token_urlsafe(24), **fields)
            world.add(key)
        return jsonify(client_id=str(key.id), client_secret=key.secret)

    @control.post("/developer-keys/<int:key_id>")
    def change_developer_key(key_id: int) -> Any:
        """Change a key. Taking a scope off it revokes its tokens (developer_key.rb); `revoke` does that too."""
        fields = request.get_json()
        with world.lock:
            key = world.developer_keys[key_id]
            new = replace(key, **{name: value for name, value in fields.items() if name != "revoke"})
            fewer = new.scopes is not None and (key.scopes is None or not set(key.scopes) <= set(new.scopes))
            world.add(new)
            if fewer or fields.get("revoke"):
                revoke_tokens_of(world, key_id)
        return jsonify(client_id=str(key_id), client_secret=new.secret)

    @control.get("/faults")
    def faults() -> Any:
        return jsonify(traffic.faults.listed())

    @control.post("/faults")
    def add_faults() -> Any:
        """Add faults after those that are still to come; see `faults.Fault`."""
        traffic.faults.add(request.get_json())
        return jsonify(traffic.faults.listed())

    @control.delete("/faults")
    def clear_faults() -> Any:
        traffic.faults.clear()
        return jsonify([])

    @control.get("/calls")
    def calls() -> Any:
        return jsonify(traffic.calls.listed())

    @control.delete("/calls")
    def clear_calls() -> Any:
        traffic.calls.clear()
        return jsonify(traffic.calls.listed())

    @control.get("/world")
    def show_world() -> Any:
        """All users and enrollments, in any state."""
        with world.lock:
            carry_out_due(world)
            return jsonify(_world_json(world))

    @control.errorhandler(ValueError)
    @control.errorhandler(TypeError)
    @control.errorhandler(KeyError)
    def refuse(error: Exception) -> tuple[Response, int]:
        return jsonify(error=f"{type(error).__name__}: {error}"), 400

    @control.after_request
    def keep(response: Response) -> Response:
        world.keep()
        return response

    app.register_blueprint(control)


def _is_on_this_machine(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _change_admin(world: World, wanted: dict[str, Any]) -> None:
    token = world.tokens[world.admin_token]
    lacking = {str(course): sorted(names) for course, names in wanted.get("lacking", token.lacking).items()}
    unknown = {name for names in lacking.values() for name in names} - PERMISSIONS
    if unknown:
        raise ValueError(f"unknown permissions: {', '.join(sorted(unknown))}")
    token.lacking = lacking
    if "token" in wanted:
        token.state = wanted["token"]
        token.expired_at = world.now() if token.state == "expired" else None
    if "permissions" in wanted:
        rights = wanted["permissions"]
        if isinstance(rights, dict):
            rights = PERMISSIONS - set(rights["without"])
        token.permissions = sorted(PERMISSIONS if rights is None else rights)
    if "token_expires_at" in wanted:
        token.expires_at = as_time(wanted["token_expires_at"])
    for other in world.tokens.values():
        if other.user_id == token.user_id:
            other.permissions, other.lacking = token.permissions, token.lacking
    world.changed()


def _world_json(world: World) -> dict[str, Any]:
    users = []
    for user in world.users.values():
        login = world.login_of(user)
        users.append(
            {
                "id": user.id,
                "name": user.name,
                "login": login.unique_id if login else None,
                "logins": [one.unique_id for one in world.logins_of_user[user.id] if one.workflow_state != "deleted"],
                "sis_user_id": login.sis_user_id if login else None,
                "email": user.email,
                "state": user.workflow_state,
            }
        )
    enrollments = [
        {
            "id": row.id,
            "user_id": row.user_id,
            "course_id": row.course_id,
            "section_id": row.course_section_id,
            "type": row.type,
            "state": row.workflow_state,
            "created_at": row.created_at,
        }
        for row in world.enrollments.values()
    ]
    return {"users": users, "enrollments": enrollments}
