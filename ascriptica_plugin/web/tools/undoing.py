"""Undo, the button on the page after an administrator's act on one person."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from ...office import sis_ids, undoing
from ...office.places import NotPossible
from ...shared import clock
from ...shared.language import Marked, t
from ...tables.columns import begin_writing
from ...tables.office import LogEntry, Participant
from ..address_values import HIGHEST_ID
from ..base import blueprint, plugin, session
from ..guards import for_administrators, person
from .activity import in_words

UNDONE: Marked[dict[str, str]] = {
    "registered": "The registration of {name} for {course} is undone.",
    "joined the waitlist": "{name} is taken off the waitlist for {course} again.",
    "withdrew": "The withdrawal of {name} from {course} is undone.",
    "left the waitlist": "{name} is on the waitlist for {course} again.",
    undoing.MOVED: "The move of {name} to {course} is undone.",
    undoing.CORRECTED: "The correction of {name} is undone.",
}
"""The message after an undo, by what was undone."""


def offered() -> LogEntry | None:
    """The act after which this page was opened, if it can still be undone."""
    typed = request.args.get("done", "")
    act = session().get(LogEntry, min(int(typed[:10]), HIGHEST_ID)) if typed.isascii() and typed.isdigit() else None
    if act is None or act.participant_id is None:
        return None
    return act if _offered(act.participant_id) is act else None


def last_act_on(participant: Participant) -> tuple[LogEntry, Markup] | None:
    """This administrator's last act on the participant, with its sentence, if it can still be undone."""
    act = _offered(participant.id)
    return (act, in_words(act)) if act is not None else None


def done_to(participant_id: int) -> int | None:
    """What to add to the address of the page after an act on this participant, as `done`."""
    act = _offered(participant_id)
    return act.id if act else None


def _offered(participant_id: int) -> LogEntry | None:
    return undoing.offered(session(), participant_id, person().email, clock.utc_now())


def correct_sign_in(participant: Participant) -> str | None:
    """Ask the host to correct what the participant signs in with, if it can. Returns the host's remark for the page.

    Raises ValueError, with a sentence, if the host refuses.
    """
    correct = plugin().correct_person
    return correct(participant.key, participant.name, participant.email) if participant.key and correct else None


@blueprint.post("/tools/undo/<int:entry_id>")
@for_administrators
def undo(entry_id: int) -> ResponseReturnValue:
    """Undo the act that has this number in the activity log, and go back to the page it was done on."""
    begin_writing(session())
    act = session().get(LogEntry, entry_id)
    if act is None or act.participant is None:
        flash(t("This can't be undone any more."), "warning")
        return redirect(url_for(".log_entries"))
    code, participant, remark = act.course.code if act.course else None, act.participant, None
    try:
        undoing.undo(session(), act, clock.utc_now(), person().email)
        if code is None:
            remark = correct_sign_in(participant)
        session().commit()
    except (NotPossible, sis_ids.Taken, ValueError) as reason:
        session().rollback()
        flash(str(reason), "warning")
    else:
        course = act.course.title if act.course else ""
        flash(t(UNDONE[act.what], name=participant.name, course=course), "success")
        if remark:
            flash(remark, "warning")
    if code is not None and request.form.get("on") != "participant":
        return redirect(url_for(".roster", code=code))
    return redirect(url_for(".participant", participant_id=participant.id))
