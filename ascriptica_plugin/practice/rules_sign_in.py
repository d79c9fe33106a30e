"""Canvas's rules for how people sign in (pseudonyms_controller.rb, communication_channels_controller.rb). No HTTP."""

import secrets
from collections.abc import Mapping

from werkzeug.security import check_password_hash, generate_password_hash

from .records import Login, Token, User
from .rules import NotFound, is_true, require
from .world import World

PROVIDERS = {10: "canvas", 11: "saml", 12: "google"}
"""The ways to sign in, by id, in the order of the login page."""

SINGLE_SIGN_ONS = [kind for kind in PROVIDERS.values() if kind != "canvas"]

LETS_IN_UNBOUND = {"ldap", "cas", "saml"}
"""The single sign-ons that also find logins bound to none. Newer ones find only those bound to them (sis_csv.md)."""

SHORTEST_PASSWORD = 8


def provider_of(wish: Mapping[str, str]) -> int | None:
    """The id of the way to sign in that a new login is bound to, asked for by id or by kind; None: bound to none.
    Raises NotFound."""
    asked = wish.get("authentication_provider_id")
    if not asked:
        return None
    for number, kind in PROVIDERS.items():
        if asked in (str(number), kind):
            return number
    raise NotFound


def begin_registration(world: World, user: User, login: Mapping[str, str]) -> None:
    """Make a link for a new user who is not registered yet, and mail it if that is asked for."""
    user.confirmation_code = secrets.token_urlsafe(24)
    if is_true(login.get("send_confirmation")):
        world.mail(user)


def mail_password_link(world: World, caller: Token, email: str) -> None:
    """Mail the user with this login or email a link to choose a password, registered or not. Raises NotFound."""
    require(caller, "manage_user_logins")
    login = world.login_by_unique_id.get(email.lower())
    if login is None or login.workflow_state != "active":
        raise NotFound
    user = world.users[login.user_id]
    user.confirmation_code = secrets.token_urlsafe(24)
    world.changed()
    world.mail(user)


def user_with_link(world: World, code: str) -> User | None:
    """The user whose link this is; None if the link was used or never existed."""
    return next((user for user in world.users.values() if user.confirmation_code == code), None)


def choose_password(world: World, user: User, password: str) -> Login:
    """Keep the password that the user has chosen with the link, use the link up, and register the user. Raises
    ValueError for a password that is too short."""
    login = world.login_of(user)
    if login is None or len(password) < SHORTEST_PASSWORD:
        raise ValueError(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    login.password, user.confirmation_code = generate_password_hash(password), None
    if user.workflow_state == "pre_registered":
        user.workflow_state = "registered"
    world.changed()
    return login


def user_who_signs_in(world: World, unique_id: str, password: str) -> User | None:
    """The user with this login and password; None if they don't match, or the login is bound to another sign-in."""
    login = world.login_by_unique_id.get(unique_id.strip().lower())
    if login is None or login.password is None or PROVIDERS.get(login.authentication_provider_id or 10) != "canvas":
        return None
    return world.users[login.user_id] if check_password_hash(login.password, password) else None


def user_of_single_sign_on(world: World, kind: str, unique_id: str) -> User | None:
    """The user whose login the school's single sign-on of this kind sends; None if it finds no such login."""
    login = world.login_by_unique_id.get(unique_id.strip().lower())
    if login is None or login.workflow_state != "active":
        return None
    bound_to = PROVIDERS[login.authentication_provider_id] if login.authentication_provider_id else None
    lets_in = bound_to == kind or (bound_to is None and kind in LETS_IN_UNBOUND)
    return world.users[login.user_id] if lets_in else None
