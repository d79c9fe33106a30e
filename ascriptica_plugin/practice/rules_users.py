"""Canvas's rules for users and logins (users_controller.rb, pseudonyms_controller.rb, models/pseudonym.rb). No HTTP.

A function that raises leaves the world unchanged.
"""

from collections.abc import Mapping

from .records import Login, Token, User, sortable
from .rules import Refused, checked_term, is_true, may
from .rules_enrollments import set_state
from .rules_sign_in import begin_registration, provider_of
from .world import World


def login_errors(world: World, unique_id: str, sis_user_id: str | None, own: Login | None = None) -> dict[str, list]:
    """Why this login is not allowed; only the first reason, as in Canvas."""
    if not unique_id:
        return _error("unique_id", "blank", "can't be blank")
    if len(unique_id) > 100:
        return _error("unique_id", "too_long", "is too long (maximum is 100 characters)")
    if not unique_id.isprintable():
        return _error("unique_id", "invalid", "is invalid")
    if world.login_by_unique_id.get(unique_id.lower()) not in (None, own):
        return _error("unique_id", "taken", "ID already in use for this account and authentication provider")
    if sis_user_id and world.login_by_sis_id.get(sis_user_id) not in (None, own):
        return _error("sis_user_id", "taken", f'SIS ID "{sis_user_id}" is already in use')
    return {}


def _error(attribute: str, kind: str, message: str) -> dict[str, list]:
    return {attribute: [{"attribute": attribute, "type": kind, "message": message}]}


def create_user(
    world: World,
    caller: Token,
    user: Mapping[str, str],
    login: Mapping[str, str],
    channel: Mapping[str, str],
    revive: bool,
) -> User:
    """Make a user with a login. A repeated request is refused, since the login is then taken.

    `revive`: a deleted login with the same SIS id comes back (enable_sis_reactivation).
    """
    if not may(caller, "manage_user_logins"):
        raise Refused({}, 403)
    unique_id = login.get("unique_id", "").strip()
    # Without the permission Canvas drops SIS ids and reports nothing.
    sis_user_id, integration_id = (
        (login.get(name) or None) if may(caller, "manage_sis") else None for name in ("sis_user_id", "integration_id")
    )
    provider_id = provider_of(login)
    old = world.login_by_sis_id.get(sis_user_id) if revive and sis_user_id else None
    old = old if old and old.workflow_state == "deleted" else None
    errors = login_errors(world, unique_id, sis_user_id, own=old)
    if errors:
        invalid = _error("pseudonyms", "invalid", "is invalid")
        raise Refused(
            {"errors": {"user": invalid, "pseudonym": errors, "observee": {}, "pairing_code": {}, "recaptcha": None}}
        )
    name = user.get("name", unique_id)
    state = "registered" if is_true(user.get("skip_registration")) else "pre_registered"
    if old:
        person = world.users[old.user_id]
        world.forget_login(old)
        old.unique_id, old.workflow_state = unique_id, "active"
        person.workflow_state = state
        world.index_login(old)
        rename(world, person, {"name": name})
    else:
        person = world.add_user(name, unique_id, sis_user_id, channel.get("address") or None, state, integration_id)
    rename(world, person, {key: user[key] for key in ("short_name", "sortable_name", "locale") if key in user})
    if (its := world.login_of(person)) is not None:
        its.authentication_provider_id = provider_id
    if state == "pre_registered":
        begin_registration(world, person, login)
    elif is_true(login.get("send_confirmation")):
        world.mails += 1
    return person


def rename(world: World, user: User, values: Mapping[str, str]) -> None:
    """Set a user's names, email or locale; a new name also sets the short and sortable names, unless they are given."""
    if "name" in values:
        user.name = values["name"]
        user.short_name, user.sortable_name = user.name.strip(), sortable(user.name)
    for key in ("short_name", "sortable_name", "email", "locale"):
        if key in values:
            setattr(user, key, values[key])
    world.index_user(user)
    world.changed()


def change_login(world: World, caller: Token, login: Login, wish: Mapping[str, str]) -> None:
    """Change a login; an empty SIS id removes it. Without the permission for SIS ids, they are ignored."""
    unique_id = wish.get("unique_id", login.unique_id).strip()
    sis_user_id, integration_id = login.sis_user_id, login.integration_id
    if may(caller, "manage_sis"):
        sis_user_id = wish.get("sis_user_id", sis_user_id) or None
        integration_id = wish.get("integration_id", integration_id) or None
    errors = login_errors(world, unique_id, sis_user_id, own=login)
    if errors:
        raise Refused({"errors": errors})
    world.forget_login(login)
    login.unique_id, login.sis_user_id, login.integration_id = unique_id, sis_user_id, integration_id
    if wish.get("workflow_state") in ("active", "suspended"):
        login.workflow_state = wish["workflow_state"]
    world.index_login(login)
    world.changed()


def delete_login(world: World, login: Login) -> None:
    """Delete a login. Its name is free afterwards, its SIS id is not."""
    world.forget_login(login)
    login.workflow_state = "deleted"
    world.index_login(login)
    world.changed()


def delete_user(world: World, user: User) -> None:
    """Delete a user, with the logins and enrollments (User#destroy)."""
    for login in world.logins_of_user[user.id]:
        delete_login(world, login)
    for row in world.rows_of(user_id=user.id):
        if row.workflow_state != "deleted":
            set_state(world, row, "deleted")
    user.workflow_state = "deleted"
    world.changed()


def search_users(world: World, caller: Token, term: str | None) -> list[User]:
    """Users that are not deleted, by sortable name; the caller's permissions decide what is searched
    (lib/user_search.rb)."""
    if term is None:
        found = list(world.users.values())
    else:
        term = checked_term(term)
        hits = {number for number, text in world.user_texts.items() if term in text}
        if term.isascii() and term.isdigit() and int(term) in world.users:
            hits.add(int(term))
        found = [user for user in map(world.users.__getitem__, hits) if _matches(world, caller, user, term)]
    living = [user for user in found if user.workflow_state != "deleted"]
    return sorted(living, key=lambda user: (user.sortable_name.lower(), user.id))


def _matches(world: World, caller: Token, user: User, term: str) -> bool:
    texts: list[str | None] = [user.name]
    for login in world.logins_of_user[user.id]:
        if login.workflow_state == "deleted":
            continue
        if may(caller, "view_user_logins"):
            texts.append(login.unique_id)
        if may(caller, "read_sis", "manage_sis"):
            texts += [login.sis_user_id, login.integration_id]
    if may(caller, "read_email_addresses"):
        texts += [user.email, *user.other_emails]
    return term == str(user.id) or any(text and term in text.lower() for text in texts)
