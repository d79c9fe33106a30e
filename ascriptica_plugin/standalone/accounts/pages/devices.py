"""Browsers that an account knows, since its owner signed in there: strangers' guesses don't lock the owner out of them.

The cookie gives no access. It is signed with the app's key for the account and its current password and second step:
once either changes, every browser is unknown, so somebody who signed in before has no allowance of their own. This
follows OWASP's "Slow Down Online Guessing Attacks with Device Cookies".
"""

import hashlib
import secrets

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from ....shared import config, pauses
from ..tables import Account

MOST = 5
"""How many accounts can know one browser; more would hardly fit into a header."""


def known(account: Account | None) -> str | None:
    """This browser's own id, where the account knows it. Takes as long where there is no account."""
    signer = _signer(account)
    return next(filter(None, [_read(token, signer) for token in _tokens()]), None)


def remember(account: Account) -> None:
    """Let the account know this browser from now on: sets a cookie with the response."""
    signer, number = _signer(account), known(account) or secrets.token_urlsafe(12)
    others = [token for token in _tokens() if not _read(token, signer)]
    value = "/".join([signer.dumps(number), *others][:MOST])
    site = current_app.session_interface

    @after_this_request
    def set_cookie(answer: Response) -> Response:
        answer.set_cookie(
            _name(),
            value,
            max_age=int(pauses.BROWSER_KNOWN.total_seconds()),
            path=site.get_cookie_path(current_app),
            secure=site.get_cookie_secure(current_app),
            httponly=True,
            samesite="Lax",
        )
        return answer


def _read(token: str, signer: URLSafeTimedSerializer) -> str | None:
    try:
        return signer.loads(token, max_age=int(pauses.BROWSER_KNOWN.total_seconds()))
    except BadData:
        return None


def _signer(account: Account | None) -> URLSafeTimedSerializer:
    step = account.second_step if account else None
    of_today = f"{account.password_hash if account else ''} {step.made_at.timestamp() if step else ''}"
    how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(
        config.secret_keys(current_app.config),
        salt=f"ascriptica known browser {of_today}",
        signer_kwargs=how,
    )


def _tokens() -> list[str]:
    return [token for token in request.cookies.get(_name(), "").split("/")[:MOST] if token]


def _name() -> str:
    return "__Host-browser" if current_app.session_interface.get_cookie_secure(current_app) else "browser"
