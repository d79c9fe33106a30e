"""Disconnect, on Course Settings: ask first, then forget the key to Canvas."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from ...canvas.errors import CanvasError
from ...ledger import activity
from ...shared import clock
from ...shared.language import t
from ...shared.said import Said
from ...sync import disconnecting
from ...sync.proofs import Proof
from ..base import blueprint, plugin, session, settings
from ..forms.developer_key import DisconnectForm
from ..guards import for_administrators, person
from ..showing import show
from .settings import settings_to_change


@blueprint.route("/tools/settings/course-settings/disconnect", methods=["GET", "POST"])
@for_administrators
def disconnect() -> ResponseReturnValue:
    """Show what disconnecting means, then disconnect. The key is forgotten before Canvas is asked to end it, no matter
    what Canvas answers."""
    form = DisconnectForm()
    connection = settings().connection
    if connection is None:
        flash(t("No Canvas is connected."))
        return redirect(url_for(".course_settings"))
    if not form.validate_on_submit():
        proof = Proof.of(connection)
        return show("ascriptica/disconnect.html", form=form, connection=connection, proof=proof)
    current, canvases, who = settings_to_change(), plugin().canvases, person().email
    connection = current.connection
    if connection is None:
        session().rollback()
        return redirect(url_for(".course_settings"))
    name, owner, is_developer_key = connection.account_name, connection.token_owner, connection.key_kind != "token"
    now = clock.utc_now()
    key = disconnecting.forget(session(), current, connection, canvases, now)
    activity.note(session(), now, who, "disconnected", Said("key", account=name, url=key.url))
    session().commit()
    done = t("Disconnected from {account}.", account=name)
    if not (is_developer_key or form.end_token.data):
        flash(f"{done} {t('The token is forgotten here. It still works in Canvas.')}", "success")
        return redirect(url_for(".course_settings"))
    try:
        disconnecting.end_in_canvas(key, canvases)
    except CanvasError as error:
        if is_developer_key:
            left = t("The approval is forgotten here, but Canvas did not end it: {answer}", answer=error.said)
        else:
            left = t("The token is forgotten here, but Canvas did not end it: {answer}", answer=error.said)
        remedy = t(
            "End it there: sign in to Canvas as {owner}, choose Account, Settings, and delete it under Approved "
            "Integrations.",
            owner=owner,
        )
        flash(f"{done} {left} {remedy}", "warning")
        return redirect(url_for(".course_settings"))
    activity.note(session(), clock.utc_now(), who, "ended the key", Said("key", account=name, url=key.url))
    session().commit()
    if is_developer_key:
        ended = t("The approval is forgotten here, and ended in Canvas.")
    else:
        ended = t("The token is forgotten here, and ended in Canvas.")
    flash(f"{done} {ended}", "success")
    return redirect(url_for(".course_settings"))
