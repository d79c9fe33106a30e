"""/tools/canvas/person: can this person get in? One box for the help desk, and a verdict for each course."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from ...canvas.errors import CanvasError
from ...ledger import access, activity, entering, last_activity
from ...ledger.access import Access
from ...ledger.causes import CAUSES
from ...office import acts
from ...shared import clock
from ...shared.language import Marked, t
from ...sync import one_person
from ...tables.canvas import Connection
from ...tables.ledger import Seat
from ...tables.office import Association, Course, LogEntry, Participant, Registration
from ..address_values import HIGHEST_ID, typed_search
from ..base import blueprint, session, settings
from ..canvas_access import in_words
from ..canvas_access_words import CanvasAccess
from ..forms.fields import Confirmation
from ..guards import for_administrators
from ..page_calls import ask
from ..showing import show
from ..times import office_time, seen_time
from . import log_lines, remedies
from .canvas_people import people_found
from .canvas_retry import in_a_sentence
from .canvas_users import HOW, matches_of
from .remedies import Place

MOST = 20
"""How many people a search shows, and how many registrations of one person."""

NO: Marked[dict[str, str]] = {
    "who_is_it": "we don't know which Canvas user they are.",
    "same_user": "another participant leads to the same Canvas user.",
    "changed_in_canvas": "somebody changed their enrollment by hand in Canvas.",
    "no_account": "they have no Canvas user.",
    "user_missing": "their Canvas user was deleted.",
    "course_unpublished": "the Canvas course is not published.",
    "outside_dates": "the dates of the Canvas course keep them out.",
    "course_closed_to_students": "the Canvas course takes no students.",
    "other_canvas": "the course is associated in the Canvas used before.",
    entering.INVITED: "they have not accepted the invitation.",
    entering.ON_THE_WAY: "their enrollment is on the way.",
    entering.NO_CANVAS_COURSE: "the course has no Canvas course.",
}
"""What keeps somebody out, after "No:" or "Not yet:"; for any other cause, its title is used."""

NEXT: Marked[dict[str, str]] = {
    entering.INVITED: "The invitation is in their mail from Canvas, and in Canvas on their list of courses.",
    entering.ON_THE_WAY: "There is nothing to do: it is sent automatically, mostly within seconds.",
    entering.NO_CANVAS_COURSE: "Associate it with a Canvas course.",
}

LATER = ("course_unpublished", "outside_dates", entering.ON_THE_WAY)
"""Causes that pass without an administrator."""


@dataclass(frozen=True)
class Standing:
    """One registration: the verdict in a sentence, what to do next and where, and the facts that it rests on."""

    registration: Registration
    verdict: str
    is_in: bool
    next_step: str
    place: Place | None
    its: CanvasAccess | None
    seat: Seat | None
    last_active_at: datetime | None


@blueprint.get("/tools/canvas/person")
@for_administrators
def canvas_person() -> ResponseReturnValue:
    """Find somebody by name, email, SIS ID or Canvas ID; show whether they can get in, and why not."""
    current, q = settings(), typed_search("q")
    number = request.args.get("participant", type=int)
    found: Sequence[Participant] = []
    if number is not None or q:
        which = (
            Participant.id == min(number, HIGHEST_ID)
            if number is not None
            else Participant.id.in_(people_found(q, current))
        )
        found = (
            session()
            .scalars(
                select(Participant)
                .where(which, Participant.erased_at.is_(None))
                .order_by(Participant.sorted_by)
                .limit(MOST)
            )
            .all()
        )
        found = [one for one in found if q and one.email.lower() == q.lower()] or found
    return _page(found, q, asked=bool(q or number is not None))


def _page(found: Sequence[Participant], q: str = "", *, asked: bool = True, is_away: bool = False) -> str:
    who, current = found[0] if len(found) == 1 else None, settings()
    return show(
        "ascriptica/canvas_person.html",
        q=q or (who.email if who else ""),
        asked=asked,
        found=found,
        who=who,
        standings=_standings(who, is_away=is_away) if who else [],
        match=matches_of([who.id]).get(who.id) if who else None,
        how=HOW,
        said=(said := _latest_entry(who) if who else None),
        added=log_lines.with_names(session(), [said])[said.id] if said and said.words else "",
        done=acts.sentence(said, {"whom": who.name, "course": None}, str) if who and said else "",
        hold=CAUSES[hold] if current.connection and (hold := current.connection.hold_cause) else None,
        form=Confirmation(),
    )


@blueprint.post("/tools/canvas/person")
@for_administrators
def look_at_person() -> ResponseReturnValue:
    """Ask Canvas about the person now, and store what it says."""
    number = request.form.get("participant", 0, type=int)
    who = (session().get(Participant, number) if 0 < number <= HIGHEST_ID else None) or abort(404)
    number, name, connection = who.id, who.name, settings().connection
    if connection is None or not settings().display_canvas:
        flash(t("Canvas is switched off, so it is not asked."), "warning")
    else:
        associations = [one.registration.course.association for one in _standings(who) if one.its is not None]
        here = [one for one in associations if one is not None and one.connection_id == connection.id]
        try:
            is_known = one_person.look(session(), ask, connection, number, here, clock.utc_now)
        except CanvasError as reason:
            session().rollback()
            flash(t("{reason} What you see below is what we knew before.", reason=reason), "warning")
            return _page([session().get_one(Participant, number)], is_away=True)
        else:
            done = t("Looked at Canvas just now.")
            if not is_known:
                done = f"{done} {t('We know no Canvas user for {name}.', name=name)}"
            flash(done, "success")
    return redirect(url_for(".canvas_person", participant=number))


def _standings(who: Participant, *, is_away: bool = False) -> list[Standing]:
    """The person's registrations, newest first, but ended ones last. `is_away`: Canvas did not answer just now."""
    current, now = settings(), clock.utc_now()
    found = (
        session()
        .scalars(
            select(Registration)
            .where(Registration.participant_id == who.id)
            .options(joinedload(Registration.course).joinedload(Course.association))
            .order_by(Registration.withdrawn_at.is_not(None), Registration.id.desc())
            .limit(MOST)
        )
        .all()
    )
    ids, connection = [one.id for one in found], current.connection if current.display_canvas else None
    reasons = entering.of_registrations(session(), connection, ids, now) if connection else {}
    known = access.of_registrations(session(), ids) if connection else {}
    theirs = select(Seat).where(Seat.id.in_([one.seat_id for one in known.values()]))
    seats = {seat.id: seat for seat in session().scalars(theirs)}
    active = last_activity.of_registrations(session(), connection.id, ids) if connection else {}
    standings = []
    for one in found:
        its = known.get(one.id)
        here = its if connection is not None and its is not None and its.connection_id == connection.id else None
        is_registered = one.status == "registered"
        words = in_words(here, connection, one.course.association, is_registered) if here and connection else None
        seat = seats.get(here.seat_id) if here else None
        verdict = _verdict(one, reasons.get(one.id), here, seat, connection, is_away=is_away)
        standings.append(Standing(one, *verdict, words, seat, active.get(one.id)))
    return standings


class Verdict(NamedTuple):
    """The first part of a `Standing`."""

    words: str
    is_in: bool = False
    next_step: str = ""
    place: Place | None = None


def _verdict(
    one: Registration,
    reason: str | None,
    here: Access | None,
    seat: Seat | None,
    connection: Connection | None,
    *,
    is_away: bool,
) -> Verdict:
    """`reason` is what keeps a registered person out; `here` what we know of their access in the Canvas in use."""
    if one.status == "waitlisted":
        return Verdict(t("No: they are on the waitlist."))
    if one.status != "registered":
        return _after_withdrawing(one, here)
    if reason is None or connection is None:
        return Verdict(t("Nothing is known: Canvas is switched off."))
    if reason == entering.CAN_ENTER and here is not None and (row := here.there or here.as_known):
        looked_up_at = one.course.association.looked_up_at if one.course.association else None
        as_of = seen_time(min(row.seen_at, looked_up_at or row.seen_at))
        if here.there is None:
            asks = CAUSES["same_user" if here.question == "same_user" else "who_is_it"]
            return Verdict(_as_whom(here, as_of), False, asks.remedy(), _answer(one))
        if is_away or connection.hold_cause:
            return Verdict(t("Yes when we last looked, {time}. Canvas can't be asked now.", time=as_of))
        return Verdict(t("Yes, as of {time}.", time=as_of), True)
    cause = CAUSES.get(reason)
    why = f"{in_a_sentence(cause.title)}." if cause and reason not in NO else t(NO[reason])
    is_later = reason in LATER or (cause and not cause.by_office)
    verdict = t("Not yet: {why}", why=why) if is_later else t("No: {why}", why=why)
    said = (seat.cause_scope, seat.cause_detail) if seat is not None and seat.cause == reason else ("", None)
    if reason == connection.hold_cause:
        said = ("", connection.hold_detail)
    next_step = cause.remedy(said[0], said[1]) if cause else t(NEXT[reason])
    if reason == "outside_dates" and one.course.association is not None:
        next_step = f"{_dates(one.course.association)} {next_step}"
    return Verdict(verdict, False, next_step, _place(one, reason, connection))


def _after_withdrawing(one: Registration, here: Access | None) -> Verdict:
    """Somebody who has withdrawn may still be in: until we have ended it, until a question is answered, or because
    somebody let them in by hand in Canvas."""
    if here is None or (row := here.still_in) is None:
        return Verdict(t("No: they have withdrawn."))
    verdict = t("They have withdrawn, and are still in the Canvas course.")
    if row.canvas_course_id != here.canvas_course_id:
        verdict = t("They have withdrawn, and are in another Canvas course, {course}.", course=row.canvas_course_id)
    if here.cause in CAUSES and CAUSES[here.cause].asks and not here.is_settled:
        return Verdict(verdict, False, CAUSES[here.cause].remedy(here.scope, here.detail), _answer(one))
    return Verdict(verdict)


def _as_whom(here: Access, as_of: str) -> str:
    """The verdict on somebody whose known Canvas user is in, while nobody has decided yet whether that user is them."""
    if here.canvas_name and here.login:
        return t(
            "Not certain: as of {time}, {user}, login {login}, is in the Canvas course. Nobody has said yet whether "
            "that is them.",
            time=as_of,
            user=here.canvas_name,
            login=here.login,
        )
    return t(
        "Not certain: as of {time}, a Canvas user is in the Canvas course. Nobody has said yet whether that is them.",
        time=as_of,
    )


def _dates(association: Association) -> str:
    begin, end = office_time(association.opens_at), office_time(association.closes_at)
    if not end:
        return t("Canvas lets students in from {begin}.", begin=begin)
    if not begin:
        return t("Canvas lets students in until {end}.", end=end)
    return t("Canvas lets students in from {begin} until {end}.", begin=begin, end=end)


def _place(one: Registration, reason: str, connection: Connection) -> Place | None:
    """The place where an administrator can act."""
    if reason in remedies.OF_CANVAS:
        return remedies.OF_CANVAS[reason](connection)
    association, code = one.course.association, one.course.code
    if reason == entering.NO_CANVAS_COURSE:
        return Place(t("Choose a Canvas course"), url_for(".edit_course", code=code, _anchor="canvas_course"))
    if reason in remedies.OF_A_COURSE and association is not None:
        return remedies.OF_A_COURSE[reason](connection, code, association.canvas_course_id)
    if reason in CAUSES and CAUSES[reason].asks:
        return _answer(one)
    return None


def _answer(one: Registration) -> Place:
    whose, code = one.participant.email, one.course.code
    return Place(t("Answer"), url_for(".canvas_access", search=whose, course=code, _anchor="people"))


def _latest_entry(who: Participant) -> LogEntry | None:
    """The latest thing that we did in Canvas about them, and what Canvas answered."""
    ours = (LogEntry.participant_id == who.id, LogEntry.who == activity.US)
    return session().scalar(select(LogEntry).where(*ours).order_by(LogEntry.id.desc()).limit(1))
