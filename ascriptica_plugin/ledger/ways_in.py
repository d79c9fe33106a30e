"""How people whom we create in Canvas get in: what Course Settings say, and what was done for each.

Course Settings say one of the first three; a `Match` has any of them.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ..tables.canvas import Settings
from ..tables.ledger import Claim, Seat
from ..tables.office import Registration

OUR_MAIL = "our_mail"
"""We mail them the link that Canvas gives us."""
CANVAS_MAIL = "canvas_mail"
"""Canvas mails them a link."""
SSO = "sso"
"""The school's single sign-on."""

ASKED = "asked"
"""Canvas was asked for the link, and has not answered yet."""
LOST = "lost"
"""Canvas's answer with the link was lost: Canvas has to mail them one itself."""
NOT_MAILED = "untold"
"""They get no mail: an import brought them in, or Canvas could not mail them."""


def chosen(settings: Settings, by_mail: bool) -> str:
    """What Course Settings say, or the default. `by_mail`: this installation can mail people."""
    if settings.way_in in (None, OUR_MAIL):
        return OUR_MAIL if by_mail else CANVAS_MAIL
    return settings.way_in


def to_be_mailed(session: Session, seat_id: int) -> int | None:
    """The registration about which a mail may go to the person of this seat; None: they get none."""
    return session.scalar(
        select(Registration.id)
        .join(Claim, Claim.registration_id == Registration.id)
        .where(Claim.seat_id == seat_id, Claim.ended_at.is_(None), Registration.notify)
        .order_by(Registration.id)
        .limit(1)
    )


def is_mailed(seat_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """SQL: a mail may go to the person of this seat."""
    return exists().where(
        Claim.seat_id == seat_id,
        Claim.ended_at.is_(None),
        Registration.id == Claim.registration_id,
        Registration.notify,
    )


def may_be_mailed(session: Session, seat_ids: Collection[int]) -> set[int]:
    """The seats among these to whose people a mail may go."""
    return set(session.scalars(select(Seat.id).where(Seat.id.in_(seat_ids), is_mailed(Seat.id))))
