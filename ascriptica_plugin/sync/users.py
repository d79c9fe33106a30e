"""Finds out who a participant is in Canvas: finds the Canvas user, creates one, or asks an administrator.

Every look-up works the same way: by SIS ID, else by email. A match is looked up again if it rests on something that the
participant does not have any more, or if Canvas contradicts it.
"""

from typing import Any

from ..canvas.client import CanvasClient
from ..canvas.errors import NotFound, PermissionMissing, Refused
from ..canvas.shapes import User
from ..ledger import ways_in
from ..ledger.matches import Holder, share_a_word
from ..ledger.work import Work, sis_address
from ..shared.clock import LONG_AGO
from ..shared.said import Said
from ..tables.columns import Sealed
from .tasks import Context, Stuck, Walk, send

QUESTIONS = {"who": "who_is_it", "still": "who_is_it", "same_user": "same_user"}
"""The cause that stands for each question of a match."""


def address(context: Context, work: Work, *, sis_id_is_unknown: bool = False) -> Walk:
    """How to name the participant to Canvas: an address, or the number of a user whose address we may not see.

    Raises Stuck if only an administrator can say who it is. At a first contact, a SIS ID is trusted without a look-up,
    unless `sis_id_is_unknown` in Canvas, or the Canvas course has people whom we don't know.
    """
    who = work.who
    if who.question is not None and not who.doubted:
        raise Stuck(QUESTIONS[who.question], work.participant_id)
    is_first = who.canvas_user_id is None and not who.create_new
    # If the course has other people, a teacher may have added this person already. A request would undo what the
    # teacher set.
    if is_first and work.sis_user_id and not sis_id_is_unknown and not work.others_there:
        return sis_address(work)
    if who.canvas_user_id is None or work.is_stale:
        yield from identify(context, work)
    return who.address or who.canvas_user_id


def is_by_sis_id(context: Context, work: Work, user_id: int) -> Walk:
    """Note that the participant's SIS ID led to this Canvas user. Raises Stuck if another participant is that user."""
    user = User(user_id, "", None, None, work.sis_user_id, False)
    yield from _is(context, work, user, "sis")


def identify(context: Context, work: Work) -> Walk:
    """Find out who the participant is, and note it. Raises Stuck if that takes an administrator."""
    who = work.who
    if who.create_new and who.canvas_user_id is None:
        yield from _create(context, work)
        return
    if who.doubted and who.how in ("admin", "created") and who.address:
        # It does not rest on the participant's SIS ID and email, so neither can lead to it.
        user = yield from _user(who.address)
        if user is not None:
            yield from _is(context, work, user, who.how)
            return
        work.is_nobody()
    # If we are about to create the user, we need not look for a second login: Canvas would say that it is taken.
    thorough = who.canvas_user_id is not None or not context.create_users
    users, how = yield from _candidates(context, work.sis_user_id, work.email, thorough)
    strangers = [user for user in users if how != "sis" and _has_other_sis_id(user, work.sis_user_id)]
    if who.doubted and len(users) > 1:
        users = [user for user in users if user.id == who.canvas_user_id] or users
    if len(users) > 1 or strangers:
        raise _ask(work, "who", users)
    if users:
        yield from _is(context, work, users[0], how)
    elif who.doubted or who.canvas_user_id is None:
        work.is_nobody()
        if work.wanted:
            yield from _create(context, work)
    elif who.created_by_us:
        # Nobody else has the new email, so our user gets it: see `following`.
        work.note_who(from_sis_user_id=work.sis_user_id, from_email=work.email, follow_at=LONG_AGO)
    else:
        # The SIS ID or the email was changed, and leads to nobody.
        known = yield from _user(who.address or who.canvas_user_id)
        raise _ask(work, "still", [known] if known else [])


def look_again(context: Context, work: Work) -> Walk:
    """Find out who a participant is for whom nothing has to be sent now. Nobody is created, and a question that only an
    administrator can answer stays open."""
    who = work.who
    # What an administrator chose, or we created, does not rest on the participant's SIS ID and email.
    if not work.is_stale or who.question is not None or (who.doubted and who.how in ("admin", "created")):
        return
    try:
        users, how = yield from _candidates(context, work.sis_user_id, work.email, thorough=True)
        if len(users) == 1 and (how == "sis" or not _has_other_sis_id(users[0], work.sis_user_id)):
            yield from _is(context, work, users[0], how)
    except Stuck:
        return


def _candidates(context: Context, sis_user_id: str | None, email: str, thorough: bool) -> Walk:
    """The Canvas users to whom the SIS ID leads, else the email; and how they were found: sis, login or email.

    The search shows only the first login of a user. If `thorough`, one more call looks for other logins.

    Raises Stuck if the token does not show enough to decide.
    """
    if sis_user_id and (user := (yield from _user(f"sis_user_id:{sis_user_id}"))):
        return [user], "sis"
    try:
        users = yield lambda canvas: canvas.search_users(context.root_id, email)
    except NotFound as error:
        raise Stuck("root_id_wrong", context.root_id, error.said) from None
    except PermissionMissing as error:
        raise Stuck("permission_missing", "read_roster", error.said) from None
    if users and not any(user.shows_login for user in users):
        raise Stuck("permission_missing", "view_user_logins", Said("no_logins"))
    found = [user for user in users if email.casefold() in _names(user)]
    if not found and (any(not user.shows_email for user in users) or (yield from _hides_emails(context))):
        # Canvas found somebody by a value that we can't see, perhaps by the email; or it searched no emails.
        raise Stuck("permission_missing", "read_email_addresses", Said("no_emails"))
    by_login = found and (found[0].login_id or "").casefold() == email.casefold()
    if not found and thorough and (user := (yield from _user(f"sis_login_id:{email}"))):
        # A second login, for example of a user who was merged.
        return [user], "login"
    return found, "login" if by_login else "email"


def _hides_emails(context: Context) -> Walk:
    """Whether the token can't see emails, so that a search does not cover them [lib/user_search.rb].

    If the check of the connection found that, Canvas is asked whether it is still so.
    """
    if context.hides_emails:
        name = "read_email_addresses"
        rights: dict[str, bool] = yield lambda canvas: canvas.permissions(context.root_id, [name])
        context.hides_emails = not rights[name]
    return context.hides_emails


def _user(at: str | int) -> Walk:
    """The Canvas user at an address, or None if Canvas has none, or shows none."""
    try:
        return (yield lambda canvas: canvas.user(at))
    except NotFound:
        return None


def _is(context: Context, work: Work, user: User, how: str) -> Walk:
    """Note that the participant is this user. Raises Stuck if another participant is, or if that has to be asked
    first."""
    if context.learned.setdefault(user.id, work.participant_id) != work.participant_id:
        raise _ask(work, "same_user", [user])
    holders = context.holders(user.id, work.participant_id)
    for holder in holders:
        if not (holder.may_yield(user) and (yield from _yields(context, holder, user))):
            raise _ask(work, "same_user", [user])
    yield from _stop_if_exchanged(work, user)
    work.yields.extend(holder.participant_id for holder in holders)
    who = work.who
    ours = who.created_by_us and user.id == who.canvas_user_id
    if _was_out(work) and who.canvas_user_id is None and (who.login_sent or "").casefold() in _names(user):
        # Our request to create the user was carried out, and its answer lost. A repeat would be refused as taken.
        ours = work.was_created = True
        work.hear()
    sent: dict[str, Any] = {}
    if ours and who.canvas_user_id is None:
        sent = {"name_sent": work.name, "email_sent": who.login_sent, "follow_at": LONG_AGO}
    work.is_user(user, "created" if ours else how, context.now(), created_by_us=ours, **sent)


def _stop_if_exchanged(work: Work, user: User) -> Walk:
    """Raise Stuck if a correction leads from a Canvas user whom we know to one with quite another name: it may be a
    slip, so nobody is removed or let in before somebody has looked at it."""
    who = work.who
    if who.canvas_user_id in (None, user.id) or who.doubted or share_a_word(user.name, work.name):
        return
    known = yield from _user(who.address or who.canvas_user_id)
    # Their user may be gone, or merged into that one.
    if known is not None and known.id != user.id:
        raise _ask(work, "still", [known, user])


def _was_out(work: Work) -> bool:
    """Whether a request to create the user may have been carried out without an answer."""
    return work.request is not None and work.request.kind == "create"


def _yields(context: Context, holder: Holder, user: User) -> Walk:
    """Whether another participant's stale match gives way: what they have now leads to somebody else, or to nobody."""
    try:
        users, _ = yield from _candidates(context, holder.sis_user_id, holder.email, thorough=True)
    except Stuck:
        return False
    return user.id not in [one.id for one in users]


def _ask(work: Work, question: str, users: list[User]) -> Stuck:
    shown = ("id", "name", "login_id", "email", "sis_user_id")
    candidates = [{name: getattr(user, name) for name in shown} for user in users]
    work.note_who(question=question, candidates=candidates, doubted=False)
    return Stuck(QUESTIONS[question], work.participant_id)


def _create(context: Context, work: Work) -> Walk:
    """Create a Canvas user for the participant, with the email as login, or the one that an administrator chose."""
    who = work.who
    if not context.create_users and not who.create_new:
        raise Stuck("no_account", work.participant_id)
    login = (who.login_sent if who.create_new else None) or work.email
    was_out = _was_out(work)
    # Stored before the call: if its answer is lost, we know that the user found next time is ours, and what they need.
    way_in = who.way_in if was_out and who.way_in else _way_in(context, work)
    work.note_who(login_sent=login, way_in=way_in)
    sign_in_id = context.sign_in_id if way_in == ways_in.SSO else None

    def create(canvas: CanvasClient) -> User:
        return canvas.create_user(
            context.root_id,
            name=work.name,
            login=login,
            email=work.email,
            sis_user_id=work.sis_user_id,
            mail_link=way_in == ways_in.CANVAS_MAIL,
            ask_link=way_in == ways_in.ASKED,
            sign_in_id=sign_in_id,
        )

    try:
        user = yield from send(context, work, "create", create, address=f"sis_login_id:{login}")
    except PermissionMissing as error:
        raise Stuck("permission_missing", "manage_user_logins", error.said) from None
    except NotFound as error:
        if sign_in_id is not None:
            yield from _stop_if_sign_in_is_missing(context, sign_in_id)
        raise Stuck("root_id_wrong", context.root_id, error.said) from None
    except Refused as error:
        if not error.taken:
            raise
        yield from _is_taken(context, work, login, was_out, error)
        return
    _is_created(context, work, user)


def _way_in(context: Context, work: Work) -> str:
    """How the person whom we create is to get in; people whom an import brought in get no mail unless that was
    ticked."""
    if context.way_in == ways_in.SSO:
        return ways_in.SSO
    if ways_in.to_be_mailed(context.session, work.seat_id) is None:
        return ways_in.NOT_MAILED
    return ways_in.ASKED if context.way_in == ways_in.OUR_MAIL else context.way_in


def _stop_if_sign_in_is_missing(context: Context, sign_in_id: int) -> Walk:
    """Raise Stuck if the account is there: then what Canvas does not know is the way to sign in."""
    try:
        yield lambda canvas: canvas.account(context.root_id)
    except NotFound:
        return
    raise Stuck("sign_in_missing", sign_in_id)


def _is_created(context: Context, work: Work, user: User) -> None:
    work.was_created = True
    work.link = Sealed.seal(user.link, context.canvases.keys) if user.link else None
    if holders := context.holders(user.id, work.participant_id):
        # The number of a new user was another's: Canvas came back from a backup, and gives its numbers out again.
        work.yields.extend(holder.participant_id for holder in holders)
        work.restored = True
    work.is_user(user, "created", context.now(), created_by_us=True, name_sent=work.name, email_sent=work.email)


def _is_taken(context: Context, work: Work, login: str, was_out: bool, error: Refused) -> Walk:
    """Canvas says that somebody has the login or the SIS ID, although our search did not find them."""
    by_login = "unique_id" in error.taken
    user = yield from _user(f"sis_login_id:{login}" if by_login else f"sis_user_id:{work.sis_user_id}")
    if user is None:
        # Canvas keeps a deleted user's SIS ID [models/pseudonym.rb].
        raise Stuck("user_missing", work.participant_id, error.said)
    if was_out and by_login:
        # An earlier try was carried out, and its answer was lost.
        _is_created(context, work, user)
    elif work.who.create_new or _has_other_sis_id(user, work.sis_user_id):
        raise _ask(work, "who", [user])
    else:
        yield from _is(context, work, user, "login" if by_login else "sis")


def _has_other_sis_id(user: User, sis_user_id: str | None) -> bool:
    return bool(sis_user_id) and user.sis_user_id not in (None, sis_user_id)


def _names(user: User) -> set[str]:
    return {name.casefold() for name in (user.login_id, user.email) if name}
