"""Finds people who have a Canvas user already, so that an import does not create one for them.

Canvas is asked for all its users, a hundred a page. If a user has the same login, an import would give that user our
SIS ID and name. If a user has the email as another address, it would make a second user.
"""

from functools import partial

from sqlalchemy.orm import Session

from ..canvas.client import CanvasClient
from ..canvas.shapes import User
from ..ledger import sis_imports
from ..ledger.sis_import_candidates import AT_ONCE
from ..tables.columns import begin_writing
from .sis_imports_after import others
from .tasks import Walk

PEOPLE_A_PAGE = 10
"""How many new people make it worth reading one page of users."""


def leave_out_whom_canvas_has(session: Session, root_id: int, number: int) -> Walk:
    """Leave people whom Canvas has out of the import, so that they go one by one.

    If Canvas has too many users to read them all for so few people, or does not show their logins and emails, all new
    people are left out.
    """
    people = sis_imports.people_to_make(session, number)
    if not people:
        return
    of_name = {name.casefold(): number for number, one in people.items() for name in one[:2]}
    found, pages, link = set[int](), 0, None
    while True:
        if pages * PEOPLE_A_PAGE > len(people):
            found = set(people)
            break
        page: tuple[list[User], str | None] = yield partial(_page, root_id, link)
        users, link = page
        pages += 1
        if not all(user.shows_login and user.shows_email for user in users):
            found = set(people)
            break
        for user in users:
            names = (name.casefold() for name in (user.login_id, user.email, user.sis_user_id) if name)
            found |= {of_name[name] for name in names if name in of_name}
        if link is None:
            break
    ids = sorted(found)
    for at in range(0, len(ids), AT_ONCE):
        begin_writing(session)
        sis_imports.leave_people_out(session, number, ids[at : at + AT_ONCE])
        yield others


def _page(root_id: int, link: str | None, canvas: CanvasClient) -> tuple[list[User], str | None]:
    return canvas.account_users(root_id, link)
