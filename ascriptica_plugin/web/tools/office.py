"""Tools → Settings → The office: how participants reach it, and which mails are sent."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ...ledger import activity
from ...shared import clock
from ...shared.language import t
from ...tables.canvas import Settings
from ...tables.columns import begin_writing
from ..base import blueprint, plugin, session, settings
from ..forms.office import OfficeForm
from ..guards import for_administrators, person
from ..mails import KINDS
from ..showing import show

FIELDS = ("contact_text", "contact_email", "contact_phone")


@blueprint.route("/tools/settings/office", methods=["GET", "POST"])
@for_administrators
def office_settings() -> ResponseReturnValue:
    """How participants reach the office when it has to act, and who gets which mail."""
    now = settings()
    form = OfficeForm(
        **{name: getattr(now, name) for name in FIELDS},
        admin_mails=now.admin_mails.replace(",", "\n"),
        mails=[kind for kind in KINDS if kind not in now.mails_off.split(",")],
    )
    if request.method == "GET" or not form.validate():
        by_mail, status = plugin().mailer is not None, 422 if form.errors else 200
        return show("ascriptica/office_settings.html", form=form, by_mail=by_mail), status
    begin_writing(session())
    current = session().get_one(Settings, 1, populate_existing=True)
    for name in FIELDS:
        setattr(current, name, getattr(form, name).data or "")
    current.admin_mails = (form.admin_mails.data or "").replace("\n", ",")
    current.mails_off = ",".join(kind for kind in KINDS if kind not in (form.mails.data or []))
    activity.note(session(), clock.utc_now(), person().email, "changed contact and mails")
    session().commit()
    flash(t("Saved."), "success")
    return redirect(url_for(".office_settings"))
