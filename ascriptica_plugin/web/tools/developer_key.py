"""Approving a developer key: the administrator's browser goes to Canvas, and Canvas sends it back with a code."""

import hashlib
import hmac
import secrets

import flask
from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ...canvas.errors import CanvasError
from ...canvas.oauth import KeyRefused, approval_address
from ...canvas.scopes import SCOPES
from ...ledger import activity
from ...shared import clock
from ...shared.language import t
from ...shared.said import SENTENCES, Said
from ...sync import checking, connecting, keeper, page_calls
from ..base import blueprint, plugin, session, settings
from ..guards import for_administrators, person
from .settings import settings_to_change

STATE = "ascriptica_key_state"


@blueprint.get("/tools/settings/course-settings/approve")
@for_administrators
def approve_key() -> ResponseReturnValue:
    """Redirect to Canvas, with a state that only this session knows.

    This is reached by a link, because our Content-Security-Policy would stop a form's redirect to Canvas.
    """
    current = settings_to_change()
    found = connecting.key_to_approve(current, plugin().canvases)
    if found is None:
        session().rollback()
        flash(t("There is no developer key to approve. Enter its client ID and secret, and choose Save."), "warning")
        return redirect(url_for(".course_settings"))
    url, _, key = found
    flask.session[STATE] = state = secrets.token_urlsafe(32)
    current.draft_state = _digest(state)
    session().commit()
    return redirect(approval_address(url, key.client_id, _back(), state))


@blueprint.get("/tools/settings/course-settings/approved")
@for_administrators
def approved_key() -> ResponseReturnValue:
    """Canvas's answer: a code for the first token, or why there is none. It is refused if this session has not asked
    for it."""
    begun = flask.session.pop(STATE, None)
    current = settings_to_change()
    # Canvas leaves out the state if it refuses the scopes [oauth2_provider_controller.rb].
    given = begun if "error" in request.args and "state" not in request.args else request.args.get("state")
    expected = current.draft_state or ""
    if not begun or not hmac.compare_digest((given or "").encode(), begun.encode()) or expected != _digest(begun):
        session().rollback()
        return _say(Said("approval_unknown"))
    current.draft_state = None
    found = connecting.key_to_approve(current, plugin().canvases)
    session().commit()
    if found is None:
        return _say(Said("approval_unknown"))
    if error := request.args.get("error"):
        return _say(_why(error, request.args.get("error_description", "")))
    return _use(request.args.get("code", ""), *found)


def _use(code: str, url: str, root_id: int, key: connecting.DeveloperKey) -> ResponseReturnValue:
    """Exchange the code for a token, check it like a pasted one, and use it."""
    canvases = plugin().canvases
    same = in_use.id if (in_use := settings().connection) and in_use.canvas_url == url else None
    try:
        with page_calls.counted(session(), canvases, same):
            now = clock.utc_now()
            grant = canvases.oauth(url, key.client_id, key.client_secret).use_code(code, _back())
            outcome = checking.check_connection(
                url,
                grant.access_token,
                root_id,
                allow_private=canvases.allow_private,
                ca_file=canvases.ca_file,
                watcher=canvases.tally,
                scoped=True,
            )
    except page_calls.Busy as error:
        return _say(error.said)
    except KeyRefused as error:
        return _say(_why(error.error, error.words))
    except CanvasError as error:
        return _say(Said("approval_unanswered", answer=error.said))

    current = settings_to_change()
    found = connecting.key_to_approve(current, canvases)
    if found is None or (found[0], found[1], found[2].client_id) != (url, root_id, key.client_id):
        session().rollback()
        return _say(Said("approval_unknown"))
    refresh_at = keeper.next_refresh(grant.expires_in, now)
    approved = connecting.DeveloperKey(key.client_id, key.client_secret, grant.refresh_token, refresh_at)
    token = None if outcome.field == "canvas_client_id" else grant.access_token
    connecting.keep_draft(current, canvases, url, root_id, token, approved)
    if outcome.findings is None:
        current.draft_problem, current.draft_check_at = outcome.sentence, now if outcome.is_unanswered else None
    elif not connecting.is_another(current, url, root_id):
        account, owner = outcome.findings.account_name, outcome.findings.owner
        connecting.adopt(session(), current, canvases, outcome.findings, now)
        activity.note(
            session(), now, person().email, "connected", Said("connected", account=account, url=url, owner=owner)
        )
        flash(t("Connected to {account} as {owner}.", account=account, owner=owner), "success")
    session().commit()
    return redirect(url_for(".course_settings"))


_SIGNED_OUT = ("login_required", "interaction_required")


def _why(error: str, words: str) -> Said:
    """OAuth's word for an error, and Canvas's own, as a sentence with the remedy [oauth2_provider_controller.rb]."""
    if error == "invalid_client" and "invalid" in words:
        error = "invalid_client_secret"
    if error == "invalid_scope" and 0 < len(lacking := _scopes_in(words)) < len(SCOPES):
        return Said("scopes_missing", scopes=", ".join(lacking))
    code = "approval_signed_out" if error in _SIGNED_OUT else f"approval_{error}"
    if code not in SENTENCES:
        code = "approval_refused"
    return Said(code, words=(words or error)[:300])


def _scopes_in(words: str) -> list[str]:
    """Our scopes that newer Canvas names as missing [invalid_scope_error.rb]."""
    named = {word.strip(",.") for word in words.split()}
    return [scope for scope in SCOPES if scope in named]


def _say(sentence: Said) -> ResponseReturnValue:
    flash(t("The developer key was not approved. {reason}", reason=sentence), "warning")
    return redirect(url_for(".course_settings"))


def _back() -> str:
    """Our redirect address, exactly as the key in Canvas must have it."""
    return url_for(".approved_key", _external=True)


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
