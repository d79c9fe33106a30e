"""Keeps the text of a form that comes with another session's CSRF token, to be sent again with this session's token."""

import re

from flask import make_response, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError

from ..office.imports.header import CALLED
from ..shared.language import Marked
from . import csrf
from .base import blueprint
from .headers import shut_doors
from .showing import show
from .way_back import page_before

SECRET = re.compile("password|token|secret")

LABELS: Marked[dict[str, str]] = {
    "people": "One person per line",
    "canvas_url": "Canvas web service URL",
    "canvas_root_id": "Canvas root ID",
    "canvas_client_id": "Client ID",
    "number": "Type the number",
}
"""Labels on that page for fields whose names would not do as labels."""


def protect(secret: re.Pattern[str] = SECRET) -> ResponseReturnValue | None:
    """Like `csrf.protect`, but a form of this site with another session's token is answered with a page that shows its
    text.

    Nothing is changed until the button on that page is pressed. Fields whose names match `secret` are left out there,
    so they have to be typed again.
    """
    try:
        csrf.protect()
    except CSRFError:
        sent = [one for one in request.form.items(multi=True) if one[0] != csrf.field_name() and one[1].strip()]
        kept = [one for one in sent if not secret.search(one[0])]
        # A form without its file would do something else. Another site must not get its own text sent from here.
        if not kept or request.files or page_before() is None:
            raise
        page = show("ascriptica/renewed.html", kept=kept, is_all=kept == sent, labels=CALLED | LABELS)
        return shut_doors(make_response(page, 400))
    return None


blueprint.before_request(protect)
