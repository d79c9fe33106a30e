"""What all API routes share: checking the token, the errors, the shape of an answer.

The routes are in the `routes_*` modules; each finds its records, applies the rules and returns the result.
"""

import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from .calls import Call, presented_token, read_params
from .records import Token
from .rules import Denied, NotFound, Refused
from .rules_imports import carry_out_due
from .world import ADMIN_USER_ID, World

NOT_FOUND = {"errors": [{"message": "The specified resource does not exist."}]}
UNAUTHORIZED = {"status": "unauthorized", "errors": [{"message": "user not authorized to perform that action"}]}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}

View = Callable[..., Any]


class NotAuthenticated(Exception):
    """No token, or an invalid one: the only answers with a challenge."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
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
    """authentication_methods.rb, application_controller.rb."""
    if not token:
        raise NotAuthenticated({"status": "unauthenticated", "errors": [{"message": "user authorization required"}]})
    known = world.tokens.get(token)
    owner_gone = known and all(login.workflow_state != "active" for login in world.logins_of_user[known.user_id])
    if known is None or owner_gone:
        raise NotAuthenticated({"errors": [{"message": "Invalid access token."}]})
    if known.state == "revoked":
        raise NotAuthenticated({"errors": [{"message": "Revoked access token."}]})
    if known.state == "expired":
        error = {"message": "Expired access token.", "expired_at": known.expired_at}
        raise NotAuthenticated({"errors": [error]})
    return known


def mount(app: Flask, world: World, denied_status: Callable[[], int]) -> None:
    """Add the API to the app. `denied_status` returns 401 or 403: Canvas uses both for a missing permission."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")

    def run(view: View) -> View:
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
            except Denied:
                return answer(UNAUTHORIZED, denied_status())
            except NotFound:
                return answer(NOT_FOUND, 404)
            except Refused as error:
                return answer(error.body, error.status)

        return call_view

    for (method, rule), view in ROUTES.items():
        api.add_url_rule(rule, f"{method} {rule}", run(view), methods=[method], provide_automatic_options=False)
    app.register_blueprint(api)


def failure(error: Exception) -> Response:
    """The answer to a request that no route handles, or that failed."""
    if isinstance(error, HTTPException) and error.code in (404, 405):
        return answer(NOT_FOUND, 404)
    current_app.logger.error("The practice Canvas failed at %s %s", request.method, request.path, exc_info=error)
    return answer({"errors": [{"message": "An error occurred.", "error_code": "internal_server_error"}]}, 500)


ROUTES: dict[tuple[str, str], View] = {}


def route(method: str, rule: str) -> Callable[[View], View]:
    def register(view: View) -> View:
        ROUTES[method, rule] = view
        return view

    return register
