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


def form_of_the_list(answer) -> dict[str, str]:
    """What a browser sends of the form for a list as it stands on the page: nothing is picked or typed anew."""
    form = re.search(r'<form method="post" aria-label="A list of people".*?</form>', answer.text, re.DOTALL)[0]
    inputs = [dict(re.findall(r'(\w+)="([^"]*)"', one)) for one in re.findall("<input[^>]*>", form)]
    sent = {one["name"]: html.unescape(one.get("value", "")) for one in inputs if one.get("type") != "radio"}
    return sent | {"people": box(answer)}
