"""What tests look for on the roster."""

import html
import re

from sqlalchemy import func, select

from ascriptica_plugin.tables.office import Participant, Registration

from ...office_at_work import Office


def count(office: Office, model) -> int:
    return office.session.scalar(select(func.count()).select_from(model))


def registration_of(office: Office, email: str) -> Registration:
    office.session.expire_all()
    return office.session.scalars(
        select(Registration).join(Participant).where(Participant.email == email).order_by(Registration.id.desc())
    ).first()


def box(answer) -> str:
    """What stands in the box for a list."""
    return html.unescape(
        re.search(r'<textarea[^>]*name="people"[^>]*>(.*?)</textarea>', answer.text, re.DOTALL)[1]
    ).strip()
