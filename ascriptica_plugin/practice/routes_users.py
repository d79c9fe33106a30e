"""The API's routes for users, their logins, and accounts."""

from typing import Any

from . import rules_sign_in as sign_in
from . import rules_users as rules
from .api import route
from .calls import Call
from .ids import find_account, find_user, number
from .records import Account, Login, User
from .rules import Denied, NotFound, Refused, is_true, may, require
from .rules_moves import merge_users as merge
from .shapes import account_json, login_json, user_json


@route("GET", "/users/<id:user>")
def show_user(call: Call, user: str) -> Any:
    """Show a user. One whom the caller may not see is not found (users_controller.rb, api_show)."""
    found = _visible_user(call, user)
    return user_json(call.world, call.caller, found, call.site)


@route("PUT", "/users/<id:user>")
def update_user(call: Call, user: str) -> Any:
    """Change a user's names, email or locale; needs manage_user_details (users_controller.rb, update)."""
    found = find_user(call.world, call.caller, user)
    require(call.caller, "manage_user_details")
    rules.rename(call.world, found, call.params.group("user"))
    return user_json(call.world, call.caller, found, call.site)


@route("PUT", "/users/<id:user>/merge_into/<id:target>")
def merge_users(call: Call, user: str, target: str) -> Any:
    """Merge a user into another one, who gets the logins, tokens and enrollments (user_merge.rb)."""
    source, target_user = (find_user(call.world, call.caller, text) for text in (user, target))
    require(call.caller, "manage_user_logins")
    if source is target_user:
        raise Refused({"message": "A user can't be merged into himself"})
    merge(call.world, source, target_user)
    return user_json(call.world, call.caller, target_user, call.site)


@route("GET", "/users/<id:user>/logins")
def list_user_logins(call: Call, user: str) -> Any:
    """List a user's logins, without deleted ones (pseudonyms_controller.rb)."""
    found = find_user(call.world, call.caller, user)
    if found.id != call.caller.user_id:
        require(call.caller, "view_user_logins", "manage_user_logins")
    logins = [login for login in call.world.logins_of_user[found.id] if login.workflow_state != "deleted"]
    return [login_json(call.world, login) for login in call.numbered(logins)]


@route("DELETE", "/users/<id:user>/logins/<id:login>")
def delete_login(call: Call, user: str, login: str) -> Any:
    """Delete one of a user's logins. The last one can't be deleted (pseudonyms_controller.rb)."""
    owner, found = find_user(call.world, call.caller, user), call.world.logins.get(number(login))
    require(call.caller, "manage_user_logins")
    logins = [one for one in call.world.logins_of_user[owner.id] if one.workflow_state != "deleted"]
    if found not in logins:
        raise NotFound
    if len(logins) == 1:
        message = "Users must have at least one login"
        raise Refused({"errors": {"base": [{"attribute": "base", "type": message, "message": message}]}})
    rules.delete_login(call.world, found)
    return login_json(call.world, found)


@route("GET", "/accounts/<id:account>/users")
def search_users(call: Call, account: str) -> Any:
    """List users; `search_term` is a part of a name, login, SIS id or email (users_controller.rb, api_index)."""
    find_account(call.world, account)
    require(call.caller, "read_roster")
    found = rules.search_users(call.world, call.caller, call.params.one("search_term"))
    wanted = call.params.many("enrollment_type")
    if wanted:
        types = {f"{name.capitalize()}Enrollment" for name in wanted}
        found = [
            user
            for user in found
            if any(row.type in types and row.workflow_state != "deleted" for row in call.world.rows_of(user_id=user.id))
        ]
    return [_listed_user(call, user) for user in call.numbered(found, counted=False)]


def _listed_user(call: Call, user: User) -> Any:
    shape = user_json(call.world, call.caller, user, call.site, in_list=True)
    if "email" in call.params.many("include") and may(call.caller, "read_email_addresses"):
        shape["email"] = user.email
    return shape


@route("POST", "/accounts/<id:account>/users")
def create_user(call: Call, account: str) -> Any:
    """Make a user with a login; without manage_user_logins 403 with `{}` (users_controller.rb, create_user)."""
    find_account(call.world, account)
    params = call.params
    user = rules.create_user(
        call.world,
        call.caller,
        params.group("user"),
        params.group("pseudonym"),
        params.group("communication_channel"),
        is_true(params.one("enable_sis_reactivation")),
    )
    shape = user_json(call.world, call.caller, user, call.site)
    if is_true(params.one("communication_channel[confirmation_url]")) and user.confirmation_code:
        shape["confirmation_url"] = f"{call.site}/register/{user.confirmation_code}"
    return shape


@route("POST", "/users/reset_password")
def mail_password_link(call: Call) -> Any:
    """Mail a user a link to choose a password."""
    try:
        sign_in.mail_password_link(call.world, call.caller, call.params.one("email") or "")
    except NotFound:
        raise Refused({"requested": False}, 404) from None
    return {"requested": True}


@route("GET", "/accounts/<id:account>/authentication_providers")
def list_sign_ins(call: Call, account: str) -> Any:
    """List the ways to sign in, in the login page's order (authentication_providers_controller.rb)."""
    _root_only(call, account)
    require(call.caller, "manage_account_settings")
    shown = [
        {"id": number, "auth_type": kind, "position": position, "jit_provisioning": False}
        for position, (number, kind) in enumerate(sign_in.PROVIDERS.items(), start=1)
    ]
    return call.numbered(shown)


@route("DELETE", "/accounts/<id:account>/users/<id:user>")
def delete_user(call: Call, account: str, user: str) -> Any:
    """Delete a user with all logins and enrollments."""
    find_account(call.world, account)
    found = find_user(call.world, call.caller, user)
    require(call.caller, "manage_user_logins")
    shape = user_json(call.world, call.caller, found, call.site)
    rules.delete_user(call.world, found)
    return shape


@route("GET", "/accounts/<id:account>/logins")
def list_logins(call: Call, account: str) -> Any:
    """List all logins, without deleted ones; root account only (pseudonyms_controller.rb)."""
    _root_only(call, account)
    require(call.caller, "manage_user_logins")
    logins = [login for login in call.world.logins.values() if login.workflow_state != "deleted"]
    return [login_json(call.world, login) for login in call.numbered(logins)]


@route("POST", "/accounts/<id:account>/logins")
def create_login(call: Call, account: str) -> Any:
    """Give a user another login; root account only (pseudonyms_controller.rb)."""
    _root_only(call, account)
    require(call.caller, "manage_user_logins")
    user = find_user(call.world, call.caller, call.params.one("user[id]") or "")
    wish = call.params.group("login")
    unique_id = wish.get("unique_id", "").strip()
    sis_user_id = (wish.get("sis_user_id") or None) if may(call.caller, "manage_sis") else None
    errors = rules.login_errors(call.world, unique_id, sis_user_id)
    if errors:
        raise Refused({"errors": errors})
    login = Login(call.world.new_id(), user.id, unique_id, call.world.now(), sis_user_id)
    call.world.add(login)
    return login_json(call.world, login)


@route("PUT", "/accounts/<id:account>/logins/<id:login>")
def update_login(call: Call, account: str, login: str) -> Any:
    """Change a login. A deleted one is not found; root account only (pseudonyms_controller.rb)."""
    _root_only(call, account)
    require(call.caller, "manage_user_logins")
    found = call.world.logins.get(number(login))
    if found is None or found.workflow_state == "deleted":
        raise NotFound
    rules.change_login(call.world, call.caller, found, call.params.group("login"))
    return login_json(call.world, found)


def _visible_user(call: Call, text: str) -> User:
    """The user. Raises NotFound, not Denied, if the caller may not see that user (users_controller.rb)."""
    user = find_user(call.world, call.caller, text)
    if user.id != call.caller.user_id and not may(call.caller, "read_roster", "manage_user_logins"):
        raise NotFound
    return user


def _root_only(call: Call, account: str) -> None:
    if find_account(call.world, account).id != call.world.root_account_id:
        raise Refused({"message": "Logins belong to the root account"})


# Accounts


@route("GET", "/accounts")
def list_accounts(call: Call) -> Any:
    """List the accounts that the caller administers; for anybody else the list is empty."""
    root = call.world.accounts[call.world.root_account_id]
    mine = [root] if call.caller.permissions else []
    return [account_json(call.world, call.caller, account) for account in call.numbered(mine)]


@route("GET", "/accounts/<id:account>")
def show_account(call: Call, account: str) -> Any:
    """Show an account. A root account has no parent and no root (accounts_controller.rb, show)."""
    return account_json(call.world, call.caller, _readable_account(call, account))


@route("GET", "/accounts/<id:account>/permissions")
def show_permissions(call: Call, account: str) -> Any:
    """Show which of the named permissions the caller has; an unknown name is false."""
    _readable_account(call, account)
    return {name: name in call.caller.permissions for name in call.params.many("permissions")}


def _readable_account(call: Call, text: str) -> Account:
    account = find_account(call.world, text)
    # Any account role may read the account; here a user without a role has no permissions at all.
    if not call.caller.permissions:
        raise Denied
    return account
