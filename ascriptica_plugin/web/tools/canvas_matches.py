"""/tools/canvas/matches: people whose name has no word in common with that of their Canvas user, to be confirmed."""

from flask import abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from ...office import answers, odd_matches
from ...shared import clock
from ...shared.language import t
from ...tables.columns import begin_writing
from ...tables.ledger import Match
from ...tables.office import Participant
from ..base import blueprint, session, settings
from ..forms.fields import Confirmation
from ..guards import for_administrators, person
from ..paging import Key, page_by_keys
from ..showing import show
from .canvas_users import HOW


@blueprint.get("/tools/canvas/matches")
@for_administrators
def canvas_matches() -> ResponseReturnValue:
    """The matches to check, sorted by name."""
    connection_id = settings().connection_id or 0
    found = select(Match, Participant).join(Participant, Participant.id == Match.participant_id)
    keys = (Key(Participant.sorted_by), Key(Participant.id))
    return show(
        "ascriptica/canvas_matches.html",
        page=page_by_keys(session(), found.where(*odd_matches.odd(connection_id)), keys),
        total=odd_matches.number(session(), connection_id),
        how=HOW,
        form=Confirmation(),
    )


@blueprint.post("/tools/participants/<int:participant_id>/right")
@for_administrators
def confirm_canvas_user(participant_id: int) -> ResponseReturnValue:
    """Confirm that the participant is the Canvas user that we found."""
    found, connection = session().get(Participant, participant_id) or abort(404), settings().connection
    if connection is not None:
        begin_writing(session())
        try:
            answers.confirm(session(), connection.id, found, clock.utc_now(), person().email)
            session().commit()
        except ValueError as reason:
            session().rollback()
            flash(str(reason), "warning")
        else:
            flash(t("Thank you. That is noted for {name}.", name=found.name), "success")
    return redirect(url_for(".canvas_matches"))
