"""Tools → Settings → The office: how participants reach it."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ... import clock
from ...office import activity
from ...tables.canvas import Settings
from ...tables.columns import begin_writing
from ..base import blueprint, for_administrators, person, session, settings
from ..forms.office import OfficeForm

FIELDS = ("contact_text", "contact_email", "contact_phone")


@blueprint.route("/tools/settings/office", methods=["GET", "POST"])
@for_administrators
def office_settings() -> ResponseReturnValue:
    """What participants read where the office has to act."""
    form = OfficeForm(obj=settings())
    if request.method == "GET" or not form.validate():
        return render_template("ascriptica/office_settings.html", form=form), 422 if form.errors else 200
    begin_writing(session())
    current = session().get_one(Settings, 1, populate_existing=True)
    for name in FIELDS:
        setattr(current, name, getattr(form, name).data or "")
    activity.note(session(), clock.utc_now(), person().email, "changed the office's contact")
    session().commit()
    flash("Saved.", "success")
    return redirect(url_for(".office_settings"))
