"""The API's routes for a person's own access tokens (tokens_controller.rb, lib/api/v1/token.rb)."""

from typing import Any

from .api import route
from .calls import Call
from .records import Token, as_time, new_token
from .rules import NotFound, Refused
from .rules_tokens import revoke, token_of


@route("GET", "/users/<id:user>/tokens/<id:token>")
def show_token(call: Call, user: str, token: str) -> Any:
    """Show one of the caller's tokens, found by its id or its first five characters (tokens_controller.rb)."""
    return _json(_own(call, user, token))


@route("POST", "/users/<id:user>/tokens")
def make_token(call: Call, user: str) -> Any:
    """Make a token, which needs a purpose. Only this answer has its whole value (lib/api/v1/token.rb)."""
    wish = call.params.group("token")
    if user != "self":
        raise NotFound
    if not wish.get("purpose"):
        raise Refused([{"message": "token[purpose] is missing"}])
    caller = call.caller
    made = Token(
        new_token(),
        caller.user_id,
        permissions=caller.permissions,
        lacking=caller.lacking,
        purpose=wish["purpose"],
        expires_at=as_time(wish.get("expires_at")),
    )
    call.world.add(made)
    return _json(made) | {"visible_token": made.value}


@route("DELETE", "/users/<id:user>/tokens/<id:token>")
def delete_token(call: Call, user: str, token: str) -> Any:
    """Delete one of the caller's tokens (tokens_controller.rb)."""
    found = _own(call, user, token)
    revoke(call.world, found)
    return _json(found) | {"workflow_state": "deleted"}


def _own(call: Call, user: str, token: str) -> Token:
    if user not in ("self", str(call.caller.user_id)):
        raise NotFound
    return token_of(call.world, call.caller.user_id, token)


def _json(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "user_id": token.user_id,
        "purpose": token.purpose,
        "app_name": "Practice" if token.client_id else "User-Generated",
        # An OAuth token shows neither of these.
        "visible_token": None if token.client_id else f"{token.value[:5]}...",
        "expires_at": None if token.client_id else token.expires_at,
        "scopes": token.scopes or [],
        "workflow_state": "active",
    }
