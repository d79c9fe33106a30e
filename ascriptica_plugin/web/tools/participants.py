"""/tools/participants: find participants, correct their data, see their registrations, try again, export, erase."""

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import and_, func, select
from sqlalchemy.orm import joinedload

from ...ledger import activity, results
from ...office import access_before_erasing, erasing, people, personal_data, sis_ids, sis_questions, waitlist
from ...shared import clock
from ...shared.language import t
from ...tables.columns import begin_writing
from ...tables.ledger import Match, Seat
from ...tables.office import Course, Participant, Registration
from ..address_values import typed_search
from ..base import blueprint, plugin, session, settings
from ..canvas_access import canvas_access
from ..forms.fields import Confirmation
from ..forms.people import EraseForm, ParticipantForm
from ..guards import for_administrators, person
from ..paging import Key, page_by_keys
from ..showing import show
from . import undoing
from .canvas_retry import release_and_report
from .canvas_users import HOW, holders_of, matches_of

MOST_COUNTED = 1000


@blueprint.get("/tools/participants")
@for_administrators
def participants() -> ResponseReturnValue:
    """Participants by name or, with `sort=time`, the newest first, with the number of courses they are registered for.

    The results of a search are counted up to a limit: for the exact number, the database would read everybody.
    """
    q = typed_search("q")
    sort = "time" if request.args.get("sort") == "time" else "name"
    which = and_(people.matching(q), Participant.erased_at.is_(None))
    keys = (
        [Key(Participant.id, descending=True)] if sort == "time" else [Key(Participant.sorted_by), Key(Participant.id)]
    )
    found = select(Participant.id).where(which)
    if q:
        some = session().scalars(found.limit(MOST_COUNTED + 1)).all()
        total = len(some)
        if total <= MOST_COUNTED:
            # They are few, so they are looked up by their ids and not searched for again.
            found = select(Participant.id).where(Participant.id.in_(some))
        elif sort == "name":
            # Otherwise PostgreSQL goes through all names in order, and the first match may be far away.
            them = select(Participant.id, Participant.sorted_by).where(which).cte("found")
            them = them.prefix_with("MATERIALIZED", dialect="postgresql")
            found, keys = select(them.c.id), [Key(them.c.sorted_by), Key(them.c.id)]
    else:
        total = session().scalar(select(func.count()).select_from(Participant).where(which)) or 0
    page = page_by_keys(session(), found, keys)
    ids = [number for (number,) in page.rows]
    by_id = {one.id: one for one in session().scalars(select(Participant).where(Participant.id.in_(ids)))}
    shown = [by_id[number] for number in ids]
    return show(
        "ascriptica/participants.html",
        participants=shown,
        courses=_courses_of(shown),
        total=min(total, MOST_COUNTED) if q else total,
        is_more=bool(q) and total > MOST_COUNTED,
        page=page,
        sort=sort,
        q=q,
        sign_ups=sign_ins.waiting(session(), q) if (sign_ins := plugin().sign_ins) else [],
    )


def _courses_of(shown: Sequence[Participant]) -> dict[int, int]:
    """The number of courses each participant is registered for, by participant id."""
    return dict(
        session()
        .execute(
            select(Registration.participant_id, func.count())
            .where(Registration.participant_id.in_([one.id for one in shown]), Registration.status == "registered")
            .group_by(Registration.participant_id)
        )
        .all()
    )


@blueprint.route("/tools/participants/<int:participant_id>", methods=["GET", "POST"])
@for_administrators
def participant(participant_id: int) -> ResponseReturnValue:
    """One participant: their data in a form, and all their registrations."""
    found = _participant_or_404(participant_id)
    form = ParticipantForm(obj=found)
    if found.erase_at or found.erased_at or not form.validate_on_submit():
        return _page(found, form, 422 if form.errors else 200)
    begin_writing(session())
    facts = {name: getattr(form, name).data for name in people.FACTS}
    leads_elsewhere = any(facts[name] != getattr(found, name) for name in ("email", "sis_user_id"))
    try:
        changed = people.correct(session(), found, clock.utc_now(), person().email, **facts)
    except sis_ids.Taken as reason:
        session().rollback()
        form.sis_user_id.errors = [str(reason)]
        return _page(found, form, 422)
    if not changed:
        session().rollback()
        flash(t("You changed nothing, so nothing was saved."))
        return redirect(url_for(".participant", participant_id=participant_id))
    try:
        remark = undoing.correct_sign_in(found)
    except ValueError as reason:
        session().rollback()
        form.email.errors = [str(reason)]
        return _page(found, form, 422)
    session().commit()
    if leads_elsewhere and _is_known_in_canvas(found):
        said = t(
            "{name} is saved. We are now checking who that is in Canvas. If it isn't clear, this page asks you.",
            name=found.name,
        )
    else:
        said = t("{name} is saved.", name=found.name)
    flash(said, "success")
    if remark:
        flash(remark, "warning")
    return redirect(url_for(".participant", participant_id=participant_id))


def _is_known_in_canvas(participant: Participant) -> bool:
    return bool(settings().display_canvas and matches_of([participant.id]))


@blueprint.post("/tools/participants/<int:participant_id>/try-again")
@for_administrators
def try_again_for_participant(participant_id: int) -> ResponseReturnValue:
    """Try all of this participant's waiting Canvas access again now."""
    found = _participant_or_404(participant_id)
    release_and_report(Seat.participant_id == found.id, whom=found.name, participant_id=found.id)
    return redirect(url_for(".participant", participant_id=participant_id))


@blueprint.post("/tools/participants/<int:participant_id>/export")
@for_administrators
def export_participant(participant_id: int) -> ResponseReturnValue:
    """All data about the participant as a JSON file to give to them."""
    found = _participant_or_404(participant_id)
    begin_writing(session())
    activity.note(session(), clock.utc_now(), person().email, "exported", participant_id=found.id)
    sign_ins = plugin().sign_ins
    held = personal_data.held_on(session(), found, sign_ins.held_on(session(), found) if sign_ins else None)
    session().commit()
    answer = jsonify(held)
    answer.headers.set("Content-Disposition", "attachment", filename=f"participant-{participant_id}.json")
    return answer


@blueprint.route("/tools/participants/<int:participant_id>/erase", methods=["GET", "POST"])
@for_administrators
def erase_participant(participant_id: int) -> ResponseReturnValue:
    """Show what erasing the participant will do, then do it, or schedule it for when their Canvas access has ended."""
    found = _participant_or_404(participant_id)
    if found.erased_at:
        return redirect(url_for(".participant", participant_id=participant_id))
    form = EraseForm()
    if form.validate_on_submit():
        if found.key is not None and found.key == person().key:
            form.name.errors = [t("This is you. Ask another administrator to erase you.")]
        elif (form.name.data or "").casefold() != found.name.strip().casefold():
            form.name.errors = [t("To erase the participant, type {name} here.", name=found.name)]
        else:
            try:
                return _erase(found, form.end_access.data)
            except ValueError as reason:
                session().rollback()
                form.name.errors = [str(reason)]
    current = settings()
    live = (
        select(func.count())
        .select_from(Registration)
        .where(Registration.participant_id == found.id, Registration.status != "withdrawn")
    )
    there = (Seat.participant_id == found.id, Seat.connection_id == current.connection_id)
    not_connected = access_before_erasing.not_connected(session(), found.id, current.connection_id)
    known = session().get(Match, (current.connection_id, found.id)) if current.connection_id else None
    return show(
        "ascriptica/erase.html",
        participant=found,
        form=form,
        live=session().scalar(live),
        canvas_user_id=known.canvas_user_id if known else None,
        has_access=bool(not_connected) or session().scalar(select(Seat.id).where(*there).limit(1)) is not None,
        not_connected=not_connected,
        on_withdrawal=current.on_withdrawal,
    ), 422 if form.errors else 200


def _erase(found: Participant, end_access: bool) -> ResponseReturnValue:
    name = found.name
    key = erasing.ask_to_erase(session(), found, clock.utc_now(), person().email, end_access=end_access)
    if key is not None:
        plugin().forget_person(key)
    if sign_ins := plugin().sign_ins:
        sign_ins.forget(session(), people.emails_of(session(), found))
    session().commit()
    flash(t("{name} is being erased.", name=name), "success")
    return redirect(url_for(".participants"))


def _before_erasing(found: Participant) -> dict[str, Any]:
    """What their page says of the Canvas access that has to end first."""
    of = (session(), found.id, settings().connection_id)
    return {
        "unfinished": access_before_erasing.unfinished(*of),
        "unfinished_here": access_before_erasing.unfinished_here(*of),
        "not_connected": access_before_erasing.not_connected(*of),
    }


def _participant_or_404(participant_id: int) -> Participant:
    return session().get(Participant, participant_id) or abort(404)


def _page(found: Participant, form: ParticipantForm, status: int) -> ResponseReturnValue:
    sign_ins = plugin().sign_ins
    theirs = list(
        session().scalars(
            select(Registration)
            .where(Registration.participant_id == found.id)
            .options(joinedload(Registration.course).joinedload(Course.association))
            .order_by(Registration.id.desc())
        )
    )
    match = matches_of([found.id]).get(found.id)
    return show(
        "ascriptica/participant.html",
        participant=found,
        form=form,
        left_out=sis_questions.about(session(), found),
        registrations=theirs,
        access=canvas_access(theirs),
        positions=waitlist.positions(session(), theirs),
        moved_up=waitlist.moved_up(session(), theirs),
        results=results.of_registrations(session(), [one.id for one in theirs], clock.utc_now()),
        match=match,
        holders=holders_of([match]).get(found.id, []) if match else [],
        how=HOW,
        button=Confirmation(),
        done=undoing.last_act_on(found),
        **(_before_erasing(found) if found.erase_at else {}),
        sign_ups=sign_ins.waiting(session(), email=found.email) if sign_ins else [],
        **(sign_ins.shown_with(session(), found) if sign_ins else {}),
        corrects_sign_in=plugin().correct_person is not None,
        itself=found.key is not None and found.key == person().key,
    ), status
