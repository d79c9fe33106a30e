"""How a developer key gets its token: the page on which a person approves it, and the token calls under /login/oauth2.

Errors are those of oauth2_provider_controller.rb. The person who approves is always the admin.
"""

import hmac
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from . import api
from .calls import presented_token
from .records import DeveloperKey
from .rules_tokens import CODE_LIVES, Code, TokenCallRefused, known_key, refresh, revoke, use_code
from .world import ADMIN_USER_ID, World

CHALLENGE = {"WWW-Authenticate": "Canvas OAuth 2.0"}


def mount(app: Flask, world: World) -> None:
    """Add the pages and calls to the app."""
    oauth = Blueprint("oauth", __name__, url_prefix="/login/oauth2")
    codes: dict[str, Code] = {}

    @oauth.get("/auth")
    def ask() -> ResponseReturnValue:
        with world.lock:
            key = known_key(world, request.args.get("client_id"))
            wrong = _why_not(key)
        if key is None or wrong:
            return wrong or _error("invalid_client", "unknown client", 401)
        asked = ("client_id", "redirect_uri", "state", "scope")
        fields = {name: request.args[name] for name in asked if name in request.args}
        owner = world.users[ADMIN_USER_ID].name
        scopes = (request.args.get("scope") or "").split() if key.scopes is not None else []
        return render_template("practice/approve.html", key=key, fields=fields, owner=owner, scopes=scopes)

    @oauth.post("/accept")
    def accept() -> ResponseReturnValue:
        form = request.form
        with world.lock:
            key = known_key(world, form.get("client_id"))
            if key is None or form.get("redirect_uri") not in key.redirect_uris:
                return _error("invalid_client", "unknown client", 401)
            if "refuse" in form:
                return _back(form["redirect_uri"], error="access_denied", state=form.get("state"))
            scopes = None if key.scopes is None else form.get("scope", "").split()
            code = Code(key.id, ADMIN_USER_ID, scopes, world.clock() + CODE_LIVES)
            codes[code.value] = code
        return _back(form["redirect_uri"], code=code.value, state=form.get("state"))

    @oauth.post("/token")
    def give() -> Response:
        form = request.form
        with world.lock:
            try:
                key = known_key(world, form.get("client_id"))
                if key is None:
                    raise TokenCallRefused("invalid_client", "unknown client", 401)
                if not hmac.compare_digest(key.secret.encode(), form.get("client_secret", "").encode()):
                    raise TokenCallRefused("invalid_client", "invalid client", 401)
                grant = form.get("grant_type")
                if grant == "authorization_code":
                    token = use_code(world, codes, key, form.get("code"))
                elif grant == "refresh_token":
                    token = refresh(world, key, form.get("refresh_token"))
                else:
                    raise TokenCallRefused(
                        "unsupported_grant_type", "The grant_type you requested is not currently supported by Canvas"
                    )
            except TokenCallRefused as wrong:
                return _error(wrong.error, wrong.description, wrong.status)
            owner = world.users[token.user_id]
            said: dict[str, Any] = {
                "access_token": token.value,
                "token_type": "Bearer",
                "user": {"id": owner.id, "name": owner.name, "global_id": str(owner.id), "effective_locale": "en"},
                "canvas_region": "unknown",
            }
            if grant == "authorization_code":
                said["refresh_token"] = token.refresh_token
            if key.expires_in is not None:
                said["expires_in"] = key.expires_in
            return api.answer(said)

    @oauth.delete("/token")
    def end() -> Response:
        with world.lock:
            try:
                token = api.authenticate(world, presented_token(request.environ))
            except api.NotAuthenticated as error:
                return api.answer(error.body, 401, api.CHALLENGE)
            revoke(world, token)
        return api.answer({})

    app.register_blueprint(oauth)


def _why_not(key: DeveloperKey | None) -> ResponseReturnValue | None:
    """The answer to a request that can't be approved; None if it can be."""
    if key is None:
        return _error("invalid_client", "unknown client", 401)
    there = request.args.get("redirect_uri", "")
    if there not in key.redirect_uris:
        return _error("invalid_request", "redirect_uri does not match client settings", 400)
    state = request.args.get("state")
    if request.args.get("response_type") != "code":
        return _back(there, error="unsupported_response_type", state=state)
    if (prompt := request.args.get("prompt")) is not None:
        # The admin is signed in here, and no key reuses tokens.
        why = "interaction_required" if prompt == "none" else "unsupported_prompt_type"
        return _back(there, error=why, state=state)
    if key.state != "on":
        return _back(there, error="unauthorized_client", state=state)
    if key.scopes is not None:
        wanted = (request.args.getlist("scope") or [""])[-1].split()
        missing = [scope for scope in wanted if scope not in key.scopes]
        if missing or not wanted:
            words = (
                "A requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource owner."
            )
            words += f" The following scopes were requested, but not granted: {', '.join(missing)}" if missing else ""
            return _back(there, error="invalid_scope", error_description=words)
    return None


def _back(there: str, **values: str | None) -> ResponseReturnValue:
    given = {name: value for name, value in values.items() if value is not None}
    return redirect(f"{there}{'&' if '?' in there else '?'}{urlencode(given)}")


def _error(error: str, description: str, status: int) -> Response:
    return api.answer({"error": error, "error_description": description}, status, CHALLENGE if status == 401 else None)
