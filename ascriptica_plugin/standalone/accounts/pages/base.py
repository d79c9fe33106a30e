"""What all pages of sign-ins share: their blueprint, who is signed in, and the visitor's address."""

import functools
import ipaddress
import re

from flask import Blueprint, current_app, request
from flask_login import UserMixin
from sqlalchemy.orm import Session

from ....web import base, errors, renewing, request_language
from ....web.address_values import refuse_ids_too_high
from ....web.refusals import log_refusals
from ..tables import Account

SECRET = re.compile("password|token|secret|code")
"""The names of fields with secrets. Here a `code` is one that signs somebody in."""

blueprint = Blueprint("ascriptica_accounts", __name__, template_folder="../templates")
request_language.register(blueprint)
blueprint.url_value_preprocessor(refuse_ids_too_high)
blueprint.before_request(functools.partial(renewing.protect, SECRET))
blueprint.after_request(log_refusals)
errors.register(blueprint)


class SignedIn(UserMixin):
    """Flask-Login's user: the account at the beginning of the request, and the session's token."""

    def __init__(self, account: Account, token: str):
        self.id, self.email, self.name, self.is_admin = account.id, account.email, account.name, account.is_admin
        self.second_step = account.second_step
        self.token = token

    def get_id(self) -> str:
        """The token, for the cookie: once the session has ended, it is worthless."""
        return self.token


def session() -> Session:
    """The host's database session of this request."""
    return base.session()


def by_mail() -> bool:
    """Whether this host sends mails."""
    return base.plugin().mailer is not None


def needs_second_step(account: Account | SignedIn) -> bool:
    """Whether the account has to set up a second step before it may administer."""
    obliged = account.is_admin and current_app.config["ASCRIPTICA_ADMIN_SECOND_STEP"]
    return bool(obliged and account.second_step is None)


def visitor() -> str:
    """The address of the visitor; for IPv6 the /64 network, since one customer has a whole one."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "nowhere"
    # A server that listens for both writes IPv4 addresses like this, and they would all be in one network.
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
