"""The buttons that decide who gets a SIS ID that came for two people: on a participant's page and in
`_sis_ids.html`."""

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ...office import sis_questions
from ...shared import clock
from ...shared.language import t
from ...tables.office import Participant
from ..base import blueprint, session
from ..guards import for_administrators, person


@blueprint.post("/tools/participants/<int:participant_id>/sis-id")
@for_administrators
def decide_sis_id(participant_id: int) -> ResponseReturnValue:
    """Give the participant the SIS ID that was left out (`answer` is theirs), or leave it out for good (not_theirs)."""
    found = session().get(Participant, participant_id) or abort(404)
    is_theirs = request.form.get("answer") == "theirs"
    if not is_theirs and request.form.get("answer") != "not_theirs":
        abort(400)
    name, sis_user_id = found.name, found.sis_user_id_refused
    try:
        sis_questions.decide(session(), found, is_theirs, clock.utc_now(), person().email)
        session().commit()
    except ValueError as reason:
        session().rollback()
        flash(str(reason), "warning")
    else:
        if is_theirs:
            flash(t("The SIS ID {sis_id} now belongs to {name}.", sis_id=sis_user_id, name=name), "success")
        else:
            flash(t("The SIS ID {sis_id} stays left out for {name}.", sis_id=sis_user_id, name=name), "success")
    return redirect(url_for(".participant", participant_id=participant_id))
