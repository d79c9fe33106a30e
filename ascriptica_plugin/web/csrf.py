"""CSRF protection of our own pages, by Flask-WTF's tokens. A host's pages, and its own protection, are not touched."""

from flask import current_app, g, request
from flask_wtf.csrf import CSRFError, generate_csrf, same_origin, validate_csrf
from markupsafe import Markup
from wtforms import ValidationError

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
YEARS_SECONDS = 10 * 365 * 86_400
HEADERS = ("X-CSRFToken", "X-CSRF-Token")


def protect() -> None:
    """Refuse a request that changes something without this session's token; for `before_request`. Raises CSRFError.

    A host that has no CSRFProtect, that sets WTF_CSRF_CHECK_DEFAULT to False, or that exempts our blueprint changes
    nothing here. Only WTF_CSRF_ENABLED turns this off, for tests.
    """
    if request.method in SAFE or not current_app.config.get("WTF_CSRF_ENABLED", True):
        return
    try:
        _validate(_sent())
    except ValidationError as error:
        raise CSRFError(error.args[0]) from None
    if request.is_secure and current_app.config.get("WTF_CSRF_SSL_STRICT", True):
        # Over https, a page of another site can't leave out where it comes from, or write ours.
        if not request.referrer:
            raise CSRFError("The referrer header is missing.")
        if not same_origin(request.referrer, f"https://{request.host}/"):
            raise CSRFError("The referrer does not match the host.")
    # Flask-WTF's forms look here, and don't check the token again.
    g.csrf_valid = True


def token_input() -> Markup:
    """The hidden field of each of our forms. A page may have a hundred forms, so it is made only once per request."""
    token = generate_csrf()
    if g.get("ascriptica_token_input", (None,))[0] != token:
        made = Markup('<input type="hidden" name="{}" value="{}">').format(field_name(), token)
        g.ascriptica_token_input = token, made
    return g.ascriptica_token_input[1]


def field_name() -> str:
    """The name of the field with the token."""
    return current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")


def _sent() -> str | None:
    return request.form.get(field_name()) or next(filter(None, map(request.headers.get, HEADERS)), None)


def _validate(token: str | None) -> None:
    """Raise ValidationError unless the token is this session's, signed with the present key or an earlier one.

    It is valid as long as the session, unless the host limits that. So somebody who types for an hour loses nothing.
    """
    lasts = current_app.config.get("WTF_CSRF_TIME_LIMIT", YEARS_SECONDS)
    try:
        validate_csrf(token, time_limit=lasts)
    except ValidationError:
        if not token or current_app.config.get("WTF_CSRF_SECRET_KEY"):
            raise
        for key in current_app.config.get("SECRET_KEY_FALLBACKS") or ():
            try:
                return validate_csrf(token, secret_key=key, time_limit=lasts)
            except ValidationError:
                continue
        raise
