"""Finds or creates a participant's Canvas user, or asks an administrator; updates names and emails of created users."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from .. import retry
from ..canvas.errors import CanvasError, NotFound, PermissionMissing, Refused
from ..canvas.shapes import User
from ..ledger.work import Work
from ..office import activity
from ..tables.canvas import CanvasUser
from ..tables.office import Participant
from .tasks import Context, Stuck, Walk


def find(context: Context, work: Work) -> Walk:
    """The id of the only Canvas user whose login or email is the participant's email, ignoring case; None if nobody is.

    Raises Stuck if there are several, or if the token does not show enough to decide.
    """
    email = work.email
    try:
        users = yield lambda canvas: canvas.search_users(context.root_id, email)
    except NotFound as error:
        raise Stuck("root_id_wrong", context.root_id, str(error)) from None
    except PermissionMissing as error:
        raise Stuck("permission_missing", "read_roster", str(error)) from None
    if users and not any(user.shows_login for user in users):
        raise Stuck("permission_missing", "view_user_logins", "The search can't see logins.")
    matches = [user for user in users if email.casefold() in _names(user)]
    strangers = [user for user in matches if work.sis_user_id and user.sis_user_id not in (None, work.sis_user_id)]
    if len(matches) > 1 or strangers:
        raise _ask_who(work, matches)
    if not matches:
        return None
    ours = (work.login_sent or "").casefold() in _names(matches[0])
    work.note_user(canvas_user_id=matches[0].id, created_by_us=ours, candidates=None)
    return matches[0].id


def _ask_who(work: Work, candidates: list[User], why: str = "") -> Stuck:
    shown = ("id", "name", "login_id", "email", "sis_user_id")
    work.note_user(candidates=[{name: getattr(user, name) for name in shown} for user in candidates])
    return Stuck("who_is_it", work.participant_id, f"{'; '.join(map(_describe, candidates))}. {why}".strip())


def find_or_create(context: Context, work: Work) -> Walk:
    if not work.create_new:
        found = yield from find(context, work)
        if found is not None:
            return found
        if not context.create_users:
            raise Stuck("no_account", work.participant_id)
    # Stored before the call: if its answer is lost, we know that the user found next time is ours.
    login = (work.login_sent if work.create_new else None) or work.email
    work.note_user(login_sent=login)
    try:
        user = yield lambda canvas: canvas.create_user(
            context.root_id, name=work.name, login=login, sis_user_id=work.sis_user_id
        )
    except PermissionMissing as error:
        raise Stuck("permission_missing", "manage_user_logins", str(error)) from None
    except NotFound as error:
        raise Stuck("root_id_wrong", context.root_id, str(error)) from None
    except Refused as error:
        if not error.taken:
            raise
        # Taken means that the user exists, even if our search did not find it.
        by = "sis_login_id" if "unique_id" in error.taken else "sis_user_id"
        value = login if by == "sis_login_id" else work.sis_user_id
        try:
            user = yield lambda canvas: canvas.user(f"{by}:{value}")
        except NotFound:
            raise _ask_who(work, [], f"{error} Yet Canvas shows no such user.") from None
        if work.create_new:
            raise _ask_who(work, [user], f"{error} Choose another login for the new user.") from None
        work.note_user(canvas_user_id=user.id)
        return user.id
    work.note_user(
        canvas_user_id=user.id,
        created_by_us=True,
        name_sent=work.name,
        email_sent=work.email,
        create_new=False,
        candidates=None,
    )
    return user.id


def _names(user: User) -> set[str]:
    return {name.casefold() for name in (user.login_id, user.email) if name}


def _describe(user: User) -> str:
    return f"{user.name}, login {user.login_id or 'unknown'}, Canvas ID {user.id}"


def to_follow(session: Session, connection_id: int, now: datetime) -> list[int]:
    """Participants whose Canvas user was created by us, has an older name or email, and is due for an update."""
    return list(
        session.scalars(
            select(CanvasUser.participant_id)
            .join(Participant, Participant.id == CanvasUser.participant_id)
            .where(
                CanvasUser.connection_id == connection_id,
                CanvasUser.created_by_us,
                CanvasUser.canvas_user_id.is_not(None),
                or_(CanvasUser.name_sent != Participant.name, CanvasUser.email_sent != Participant.email),
                or_(CanvasUser.follow_at.is_(None), CanvasUser.follow_at <= now),
            )
        )
    )


def follow_walk(session: Session, connection_id: int, participant_id: int, now: Callable[[], datetime]) -> Walk:
    """The walk that gives a Canvas user that we created the participant's current name and email, and stores a failure.

    A failed update is tried again after `retry.FOLLOW_AGAIN`.
    """
    known = session.get_one(CanvasUser, (connection_id, participant_id), populate_existing=True)
    participant = session.get_one(Participant, participant_id, populate_existing=True)
    user_id, name, email = cast(int, known.canvas_user_id), participant.name, participant.email
    problem = None
    try:
        yield lambda canvas: canvas.update_user(user_id, name=name, email=email)
    except NotFound:
        problem = "The Canvas user was deleted."
    except CanvasError as error:
        problem = str(error)
    known = session.get_one(CanvasUser, (connection_id, participant_id), populate_existing=True)
    known.follow_problem = problem
    if problem:
        known.follow_at = now() + retry.FOLLOW_AGAIN
    else:
        known.name_sent, known.email_sent, known.follow_at = name, email, None
    words = problem or f"The Canvas user is now {name}, {email}."
    activity.note(session, now(), activity.US, "followed", words, participant_id=participant_id)
    session.flush()


def put_off(session: Session, connection_id: int, participant_id: int, now: datetime) -> None:
    """Store that the update of a Canvas user failed on our side."""
    known = session.get(CanvasUser, (connection_id, participant_id), populate_existing=True)
    if known is not None:
        known.follow_problem = "That failed on our side; the details are in the worker's log. We try again."
        known.follow_at = now + retry.FOLLOW_AGAIN
        activity.note(session, now, activity.US, "followed", known.follow_problem, participant_id=participant_id)
