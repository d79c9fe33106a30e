"""Canvas's rules for access tokens: codes, refreshing, and what people may do with tokens of their own."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .records import DeveloperKey, Token, new_token
from .rules import NotFound
from .world import World

CODE_LIVES = timedelta(minutes=10)


class TokenCallRefused(Exception):
    """A token call is refused; `error` is OAuth's name for the reason (oauth2_provider_controller.rb)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


@dataclass
class Code:
    """What an approval gives. It can be exchanged for a token once, before `until`."""

    key_id: int
    user_id: int
    scopes: list[str] | None
    until: datetime
    value: str = field(default_factory=lambda: secrets.token_hex(24))


def known_key(world: World, client_id: str | None) -> DeveloperKey | None:
    """The developer key, unless it is unknown or deleted."""
    text = client_id or ""
    key = world.developer_keys.get(int(text)) if text.isascii() and text.isdigit() else None
    return key if key and key.state != "deleted" else None


def use_code(world: World, codes: dict[str, Code], key: DeveloperKey, value: str | None) -> Token:
    """A new token for a code, which can be used once (grant_types/authorization_code.rb)."""
    if not value:
        raise TokenCallRefused(
            "invalid_request", "You must provide the code parameter when using the authorization_code grant type"
        )
    code = codes.get(value)
    if code is None or code.until <= world.clock():
        raise TokenCallRefused("invalid_grant", "authorization_code not found")
    if code.key_id != key.id:
        raise TokenCallRefused("invalid_grant", "incorrect client")
    del codes[value]
    admin = world.tokens[world.admin_token]
    token = Token(
        new_token(),
        code.user_id,
        permissions=admin.permissions,
        lacking=admin.lacking,
        client_id=key.id,
        refresh_token=new_token(),
        scopes=code.scopes,
    )
    token.expires_at = _end(world, key)
    world.add(token)
    return token


def refresh(world: World, key: DeveloperKey, refresh_token: str | None) -> Token:
    """The same token with a new value; the old value stops working at once (access_token.rb)."""
    if not refresh_token:
        raise TokenCallRefused(
            "invalid_request", "You must provide the refresh_token parameter when using the refresh_token grant type"
        )
    found = (token for token in world.tokens.values() if token.refresh_token == refresh_token)
    token = next((one for one in found if one.state == "active"), None)
    if token is None:
        raise TokenCallRefused("invalid_request", "refresh_token not found")
    if token.client_id != key.id:
        raise TokenCallRefused("invalid_grant", "incorrect client")
    del world.tokens[token.value]
    token.value, token.expires_at = new_token(), _end(world, key)
    world.add(token)
    return token


def _end(world: World, key: DeveloperKey) -> str | None:
    return None if key.expires_in is None else (world.clock() + timedelta(seconds=key.expires_in)).isoformat()


def revoke(world: World, token: Token) -> None:
    """End a token for good. The admin's own is only marked, since this Canvas is controlled with it."""
    if token.value == world.admin_token:
        token.state = "revoked"
    else:
        del world.tokens[token.value]
    world.changed()


def revoke_tokens_of(world: World, key_id: int) -> None:
    """End all tokens of a developer key."""
    for token in [one for one in world.tokens.values() if one.client_id == key_id]:
        revoke(world, token)


def token_of(world: World, user_id: int, text: str) -> Token:
    """A user's own token by its id, or by its first five characters (tokens_controller.rb). Raises NotFound."""
    for token in world.tokens.values():
        if token.user_id == user_id and (str(token.id) == text or (len(text) == 5 and token.value.startswith(text))):
            return token
    raise NotFound
