"""What all API routes share: checking the token, the errors, the shape of an answer.

The routes are in the `routes_*` modules; each finds its records, applies the rules and returns the result.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from .calls import Call, Params, presented_token, read_params
from .records import Token
from .rules import Denied, NotFound, Refused
from .rules_imports import carry_out_due
from .world import ADMIN_USER_ID, World

NOT_FOUND = {"errors": [{"message": "The specified resource does not exist."}]}
UNAUTHORIZED = {"status": "unauthorized", "errors": [{"message": "user not authorized to perform that action"}]}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}

View = Callable[..., Any]


SCOPES_MISSING = {"errors": [{"message": "Insufficient scopes on access token."}]}


class ScopeMissing(Exception):
    """The developer key's token was not approved for this call; no challenge is sent (config/application.rb)."""


class NotAuthenticated(Exception):
    """No token, or an invalid one: the only answers with a challenge."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer as Canvas sends it: with `canvas-string-ids` in Accept, ids are texts (doc/api/json_strings.md)."""
    if "canvas-string-ids" in request.headers.get("Accept", ""):
        data = _with_text_ids(data)
    return Response(json.dumps(data), status, headers, content_type="application/json; charset=utf-8")


def _with_text_ids(data: Any) -> Any:
    if isinstance(data, list):
        return [_with_text_ids(item) for item in data]
    if isinstance(data, dict):
        return {
            key: str(value)
            if isinstance(value, int) and (key == "id" or key.endswith("_id"))
            else _with_text_ids(value)
            for key, value in data.items()
        }
    return data


def authenticate(world: World, token: str | None) -> Token:
    """The caller's token. Raises NotAuthenticated (authentication_methods.rb, application_controller.rb)."""
    if not token:
        raise NotAuthenticated({"status": "unauthenticated", "errors": [{"message": "user authorization required"}]})
    known = world.tokens.get(token)
    owner_gone = known and all(login.workflow_state != "active" for login in world.logins_of_user[known.user_id])
    if known is None or owner_gone:
        raise NotAuthenticated({"errors": [{"message": "Invalid access token."}]})
    key = world.developer_keys[known.client_id] if known.client_id else None
    if key and key.state != "on":
        raise NotAuthenticated({"errors": [{"message": "Invalid access token."}]})
    if known.state == "revoked":
        raise NotAuthenticated({"errors": [{"message": "Revoked access token."}]})
    if known.expires_at and datetime.fromisoformat(known.expires_at) <= world.clock():
        raise NotAuthenticated({"errors": [{"message": "Expired access token.", "expired_at": known.expires_at}]})
    if known.state == "expired":
        error = {"message": "Expired access token.", "expired_at": known.expired_at}
        raise NotAuthenticated({"errors": [error]})
    return known


def mount(app: Flask, world: World, denied_status: Callable[[], int]) -> None:
    """Add the API to the app. `denied_status` returns 401 or 403: Canvas uses both for a missing permission."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")

    def run(view: View, scope: str) -> View:
        def call_view(**ids: str) -> Response:
            if not request.headers.get("User-Agent"):
                return Response(
                    "403 Forbidden: a User-Agent is required\n", 403, content_type="text/plain; charset=utf-8"
                )
            try:
                params = read_params(request)
                with world.lock:
                    carry_out_due(world)
                    if "practice.hand" in request.environ:
                        caller = Token(world.admin_token, ADMIN_USER_ID)
                    else:
                        caller = authenticate(world, presented_token(request.environ) or params.one("access_token"))
                    _keep_to_scopes(world, caller, scope, params)
                    call = Call(
                        world,
                        caller,
                        params,
                        request.host_url.rstrip("/"),
                        request.environ["practice.path"],
                        request.query_string.decode(),
                    )
                    data = view(call, **ids)
                link = ",".join(f'<{url}>; rel="{rel}"' for rel, url in call.links.items())
                return answer(data, headers={"Link": link} if link else None)
            except NotAuthenticated as error:
                return answer(error.body, 401, CHALLENGE)
            except ScopeMissing:
                return answer(SCOPES_MISSING, 401)
            except Denied:
                return answer(UNAUTHORIZED, denied_status())
            except NotFound:
                return answer(NOT_FOUND, 404)
            except Refused as error:
                return answer(error.body, error.status)

        return call_view

    for (method, rule), view in ROUTES.items():
        view = run(view, scope_of(method, rule))
        api.add_url_rule(rule, f"{method} {rule}", view, methods=[method], provide_automatic_options=False)
    app.register_blueprint(api)


def failure(error: Exception) -> Response:
    """The answer to a request that no route handles, or that failed."""
    if isinstance(error, HTTPException) and error.code in (404, 405):
        return answer(NOT_FOUND, 404)
    current_app.logger.error("The practice Canvas failed at %s %s", request.method, request.path, exc_info=error)
    return answer({"errors": [{"message": "An error occurred.", "error_code": "internal_server_error"}]}, 500)


def scope_of(method: str, rule: str) -> str:
    """The scope of a route, as in Canvas's list: the last part is `:id`, those before it are `:account_id` ..."""
    named = re.sub(r"<id:\w+>$", ":id", rule)
    path = re.sub(r"<id:(\w+)>", r":\1_id", named)
    return f"url:{method}|/api/v1{path}"


def _keep_to_scopes(world: World, caller: Token, scope: str, params: Params) -> None:
    """Refuse calls that a scoped token may not make; remove its include parameters without any message (lib/api.rb)."""
    if caller.scopes is None or caller.client_id is None:
        return
    if scope not in caller.scopes:
        raise ScopeMissing
    if not world.developer_keys[caller.client_id].include_parameters:
        for name in ("include[]", "includes[]"):
            if name in params:
                params[name] = [value for value in params[name] if value == "uuid"]


ROUTES: dict[tuple[str, str], View] = {}


def route(method: str, rule: str) -> Callable[[View], View]:
    """Register a view for the method and the rule of its address."""

    def register(view: View) -> View:
        ROUTES[method, rule] = view
        return view

    return register
