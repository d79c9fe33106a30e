"""Tools → Settings → Course Settings."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from ...canvas.scopes import SCOPES
from ...canvas.shapes import Account
from ...ledger import activity, due, seat_states, token_end
from ...ledger.causes import CAUSES
from ...shared import clock
from ...shared.language import t
from ...shared.said import Said, change_of
from ...sync import checking, connecting, page_calls
from ...tables.canvas import Settings
from ...tables.columns import begin_writing
from ...tables.ledger import Seat
from ...tables.office import Association
from ...tables.sis_imports import MassImport
from ..base import blueprint, plugin, session, settings
from ..forms import way_in
from ..forms.settings import CourseSettingsForm
from ..guards import for_administrators, person
from ..showing import show


@blueprint.route("/tools/settings/course-settings", methods=["GET", "POST"])
@for_administrators
def course_settings() -> ResponseReturnValue:
    """The Display Canvas switch and the connection."""
    now = settings()
    in_use = now.connection
    last = seat_states.disconnected(session(), now)
    known = last.connection if last is not None else in_use
    form = CourseSettingsForm(
        display_canvas=now.display_canvas,
        canvas_url=now.draft_url or (known.canvas_url if known else ""),
        canvas_root_id=(known.canvas_root_id if known and not now.draft_url else now.draft_root_id) or "",
        canvas_key=_kind(now) if request.method == "GET" else "token",
        canvas_client_id=now.draft_client_id or (in_use.client_id if in_use else "") or "",
        missing_users="create" if now.create_users else "wait",
        enroll="invited" if now.by_invitation else "active",
        canvas_mail="mail" if now.canvas_mail else "silent",
        on_withdrawal=now.on_withdrawal,
        mass_by_sis=now.mass_by_sis,
    )
    form.offer(now, by_mail=plugin().mailer is not None)
    if request.method == "GET":
        return _page(form, now)
    if "discard" in request.form:
        return _discard()
    if not form.display_canvas.data:
        return _switch_off()
    if right_root_id := request.form.get("use_root_id"):
        form.canvas_root_id.data = right_root_id
    if not form.validate():
        if not form.has_developer_key:
            _keep_token_beside_a_mistake(form)
        return _page(form, settings(), status=422)
    return _connect(form)


def _keep_token_beside_a_mistake(form: CourseSettingsForm) -> None:
    """Keep a pasted token for the address that it was pasted with, or say that it is missing."""
    now, canvases = settings(), plugin().canvases
    if form.canvas_token.errors:
        return
    if not form.canvas_token.data:
        if now.draft_token is None and now.connection is None:
            form.canvas_token.errors = [checking.TOKEN_MISSING.sentence]
    elif form.canvas_url.errors:
        form.canvas_token.errors = [checking.TOKEN_WITHOUT_ADDRESS.sentence]
    elif connecting.kept_token(now, canvases, form.canvas_url.data) != form.canvas_token.data:
        root_id = None if form.canvas_root_id.errors else form.canvas_root_id.data
        connecting.keep_draft(settings_to_change(), canvases, form.canvas_url.data, root_id, form.canvas_token.data)
        session().commit()


def _switch_off() -> ResponseReturnValue:
    settings_to_change().display_canvas = False
    activity.note(session(), clock.utc_now(), person().email, "switched Canvas off")
    session().commit()
    kept = t("What you saved is kept. Changes made meanwhile are sent when you switch it on again.")
    flash(f"{t('Canvas is switched off.')} {kept}")
    return redirect(url_for(".course_settings"))


def _discard() -> ResponseReturnValue:
    connecting.forget_draft(settings_to_change())
    activity.note(session(), clock.utc_now(), person().email, "discarded settings")
    session().commit()
    return redirect(url_for(".course_settings"))


def _connect(form: CourseSettingsForm) -> ResponseReturnValue:
    """Check what was typed and use it, or show what is wrong. What was typed is kept either way."""
    canvases, now = plugin().canvases, clock.utc_now()
    url, root_id = form.canvas_url.data, form.canvas_root_id.data
    reach = {"allow_private": canvases.allow_private, "ca_file": canvases.ca_file, "watcher": canvases.tally}
    key = None
    if form.has_developer_key:
        client_id = form.canvas_client_id.data
        secret = form.canvas_client_secret.data or connecting.kept_secret(settings(), canvases, url, client_id)
        if not secret:
            return _refused(form, checking.SECRET_MISSING)
        key = connecting.DeveloperKey(client_id, secret)
        token, key = connecting.approved_token(settings(), canvases, url, root_id, key)
        if not token:
            return _to_approve(form, url, root_id, key, reach)
    else:
        token = form.canvas_token.data or connecting.kept_token(settings(), canvases, url)
        if not token:
            with page_calls.counted(session(), canvases, None):
                outcome = checking.check_address(url, **reach)
            return _refused(form, outcome if outcome.is_wrong else connecting.why_a_token_is_needed(settings(), url))
    same = settings().connection_id if (in_use := settings().connection) and in_use.canvas_url == url else None
    try:
        with page_calls.counted(session(), canvases, same):
            outcome = checking.check_connection(url, token, root_id, scoped=key is not None, **reach)
    except page_calls.Busy as error:
        outcome = checking.Outcome(sentence=error.said)

    current = settings_to_change()
    _keep_policy(form, current)
    if outcome.is_wrong:
        if outcome.field == "canvas_client_id":
            connecting.keep_draft(current, canvases, url, root_id, None, key)
        elif outcome.field != "canvas_token":
            connecting.keep_draft(current, canvases, url, root_id, token, key)
        session().commit()
        return _refused(form, outcome)
    if (found := outcome.findings) is None:
        if not connecting.in_use(current, canvases, url, root_id, token):
            connecting.keep_draft(current, canvases, url, root_id, token, key)
            is_known = current.connection is not None and current.connection.canvas_url == url
            said = Said.of(outcome.sentence)
            current.draft_problem = said if is_known else checking.of_new_address(said)
            current.draft_check_at = now
        _switch_on(current)
        session().commit()
        if current.draft_check_at is None:
            flash(t("Nothing has changed, and it could not be checked: {reason}", reason=outcome.sentence), "warning")
        return redirect(url_for(".course_settings"))
    connecting.keep_draft(current, canvases, url, root_id, token, key)
    if connecting.is_another(current, url, root_id) and request.form.get("confirm") != f"{url} {root_id}":
        session().commit()
        return _page(form, settings(), confirm=found)
    is_new = not connecting.in_use(current, canvases, url, root_id, token)
    if key is not None and not is_new and current.connection is not None:
        # The worker may replace the key's token at any moment, and stores the new one there.
        connecting.forget_draft(current)
        connecting.note_findings(session(), current.connection, found, now)
    else:
        connecting.adopt(session(), current, canvases, found, now)
    _switch_on(current)
    if is_new:
        words = Said("connected", account=found.account_name, url=url, owner=found.owner)
        activity.note(session(), now, person().email, "connected", words)
    session().commit()
    flash(t("Connected to {account} as {owner}.", account=found.account_name, owner=found.owner), "success")
    if form.canvas_url.tidied_from:
        typed = form.canvas_url.tidied_from
        flash(t("We tidied the web service URL: {typed} became {url}.", typed=typed, url=url), "info")
    return redirect(url_for(".course_settings"))


def _to_approve(
    form: CourseSettingsForm, url: str, root_id: int, key: connecting.DeveloperKey, reach: dict[str, Any]
) -> ResponseReturnValue:
    """Keep a developer key that somebody has to approve in Canvas. The connection in use stays until then."""
    canvases, outcome = plugin().canvases, checking.Outcome()
    in_use = settings().connection
    if in_use is None or in_use.canvas_url != url:
        # Checked before somebody is sent there: at a mistyped address nobody could approve anything.
        try:
            with page_calls.counted(session(), canvases, None):
                outcome = checking.check_address(url, **reach)
        except page_calls.Busy:
            pass
    current = settings_to_change()
    _keep_policy(form, current)
    connecting.keep_draft(current, canvases, url, root_id, None, key)
    if outcome.is_wrong:
        session().commit()
        return _refused(form, outcome)
    _switch_on(current)
    session().commit()
    return redirect(url_for(".course_settings", _anchor="approve"))


def _kind(current: Settings) -> str:
    """The kind of key that is being tried or is in use."""
    if current.draft_url is not None or current.connection is None:
        return current.draft_key_kind
    return current.connection.key_kind


def _switch_on(current: Settings) -> None:
    if not current.display_canvas:
        activity.note(session(), clock.utc_now(), person().email, "switched Canvas on")
    current.display_canvas = True


def _keep_policy(form: CourseSettingsForm, current: Settings) -> None:
    """Save the settings about people. They apply from now on, even if the check of the connection fails."""
    before = _policy(current)
    let_us_create = form.missing_users.data == "create" and not current.create_users
    current.create_users = form.missing_users.data == "create"
    current.by_invitation = form.enroll.data == "invited"
    current.canvas_mail = form.canvas_mail.data == "mail"
    form.keep_way_in(current)
    current.on_withdrawal = form.on_withdrawal.data
    current.mass_by_sis = form.mass_by_sis.data
    if let_us_create and current.connection_id:
        due.release(session(), Seat.connection_id == current.connection_id, Seat.cause == "no_account")
    after = _policy(current)
    if before["way_in"] != after["way_in"] and current.connection_id:
        due.release(session(), Seat.connection_id == current.connection_id, Seat.cause == "sign_in_missing")
    changed = [change_of(name, was, after[name]) for name, was in before.items() if after[name] != was]
    if changed:
        words = Said("changes", changes=changed)
        activity.note(session(), clock.utc_now(), person().email, "changed settings", words)


def _policy(current: Settings) -> dict[str, str]:
    """The settings about people, as the activity log says them."""
    flags = ("create_users", "by_invitation", "canvas_mail", "mass_by_sis")
    said: dict[str, str] = {name: Said(name if getattr(current, name) else f"{name}_off") for name in flags}
    said["way_in"] = way_in.in_words(current, by_mail=plugin().mailer is not None)
    return said | {"on_withdrawal": current.on_withdrawal}


def settings_to_change() -> Settings:
    """The current settings row, in a transaction that will write."""
    begin_writing(session())
    return session().get_one(Settings, 1, populate_existing=True)


def _is_to_approve(current: Settings) -> bool:
    if current.draft_url is not None:
        return current.draft_key_kind == "developer_key" and current.draft_token is None
    return current.connection is not None and current.connection.hold_cause == "key_refused"


def _refused(form: CourseSettingsForm, outcome: checking.Outcome) -> ResponseReturnValue:
    form[outcome.field].errors = [outcome.sentence]
    return _page(form, settings(), offer=outcome.offer, status=422)


def _page(
    form: CourseSettingsForm,
    current: Settings,
    *,
    offer: Account | None = None,
    confirm: checking.Findings | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    in_use = current.connection
    hold = hold_remedy = None
    if in_use and in_use.hold_cause:
        hold = CAUSES[in_use.hold_cause].title
        hold_remedy = CAUSES[in_use.hold_cause].remedy(detail=in_use.hold_detail)
    missing = [name for name in (in_use.missing_permissions if in_use else "").split(",") if name]
    associated = session().scalar(
        select(func.count()).select_from(Association).where(Association.connection_id == current.connection_id)
    )
    return show(
        "ascriptica/settings.html",
        form=form,
        settings=current,
        in_use=in_use,
        disconnected=seat_states.disconnected(session(), current),
        hold=hold,
        hold_remedy=hold_remedy,
        missing=[(name, t(checking.PERMISSIONS[name])) for name in missing],
        token_kept=bool(
            form.canvas_url.data and connecting.kept_token(current, plugin().canvases, form.canvas_url.data)
        ),
        secret_kept=bool(
            form.canvas_url.data
            and form.canvas_client_id.data
            and connecting.kept_secret(current, plugin().canvases, form.canvas_url.data, form.canvas_client_id.data)
        ),
        days_left=token_end.days_left(in_use, clock.utc_now()) if in_use else None,
        warned=in_use is not None and token_end.warned_of(in_use, clock.utc_now()) is not None,
        to_approve=_is_to_approve(current),
        scopes=SCOPES,
        associated=associated,
        mass_seats=plugin().canvases.mass_seats,
        mass=session().scalar(
            select(MassImport)
            .where(MassImport.connection_id == current.connection_id)
            .order_by(MassImport.id.desc())
            .limit(1)
        ),
        offer=offer,
        confirm=confirm,
    ), status
