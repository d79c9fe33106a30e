"""Browsers that an account knows, since it was signed in on them: strangers' guesses don't keep its owner out there.

The cookie opens nothing. It is signed with the app's key for the account, its password and its second step of today:
with another of these every browser is unknown, so whoever signed in before has no guesses of their own at them. After
OWASP's "Slow Down Online Guessing Attacks with Device Cookies".
"""

import hashlib
import secrets

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from ..tables import Account

KNOWN_SECONDS = 180 * 24 * 3600
MOST = 5
"""So many accounts that share a browser are known on it; a header has little room for more."""


def known(account: Account | None) -> str | None:
    """This browser's own number, where the account knows it; as slow where there is no account."""
    signer = _signer(account)
    return next(filter(None, [_read(token, signer) for token in _tokens()]), None)


def remember(account: Account) -> None:
    """Let the account know this browser from now on; the answer to this request carries the cookie."""
    signer, number = _signer(account), known(account) or secrets.token_urlsafe(12)
    others = [token for token in _tokens() if not _read(token, signer)]
    value = "/".join([signer.dumps(number), *others][:MOST])
    site = current_app.session_interface

    @after_this_request
    def set_cookie(answer: Response) -> Response:
        answer.set_cookie(
            _name(),
            value,
            max_age=KNOWN_SECONDS,
            path=site.get_cookie_path(current_app),
            secure=site.get_cookie_secure(current_app),
            httponly=True,
            samesite="Lax",
        )
        return answer


def _read(token: str, signer: URLSafeTimedSerializer) -> str | None:
    try:
        return signer.loads(token, max_age=KNOWN_SECONDS)
    except BadData:
        return None


def _signer(account: Account | None) -> URLSafeTimedSerializer:
    step = account.second_step if account else None
    of_today = f"{account.password_hash if account else ''} {step.made_at.timestamp() if step else ''}"
    how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(
        current_app.config["SECRET_KEY"], salt=f"ascriptica known browser {of_today}", signer_kwargs=how
    )


def _tokens() -> list[str]:
    return [token for token in request.cookies.get(_name(), "").split("/")[:MOST] if token]


def _name() -> str:
    return "__Host-browser" if current_app.session_interface.get_cookie_secure(current_app) else "browser"
