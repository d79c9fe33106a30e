"""Renders a page of ours: our templates make its parts, then the layout is put around them.

These are two steps, so that our variables and the layout's never clash. Our templates get what the view gives them; the
layout, which may be a host's with a `t` or a `form` of its own, gets only `ascriptica`.
"""

from functools import partial
from typing import Any

from flask import g, render_template
from sqlalchemy import select

from ..ledger import blocked
from ..office import access_before_erasing
from ..shared import clock, language
from ..shared.language import t, tn
from .base import plugin, session, settings
from .guards import is_administrator, signed_in
from .way_back import sign_in_address, this_page


def show(template: str, **values: Any) -> str:
    """The page of this template, which extends `ascriptica/layout.html`, in the layout that our pages are shown in."""
    its = _for_every_page()
    return render_template(template, ascriptica=its | {"in_layout": partial(_in_layout, its)}, t=t, tn=tn, **values)


def _in_layout(its: dict[str, Any], **parts: str) -> str:
    """The layout around the parts of a page: `title`, `head` and `content`."""
    # Our own layout has texts to translate, too.
    words = {"t": t, "tn": tn} if its["look"].is_own else {}
    return render_template("ascriptica/frame.html", ascriptica=its | parts, **words)


def _for_every_page() -> dict[str, Any]:
    """What the frame of every page needs. After a failure nothing is queried, because a query may have failed."""
    its, look = plugin(), plugin().look
    shown = {
        "timezone": its.timezone.key.replace("_", " "),
        "look": look,
        "places": look.places,
        "pages": its.pages,
        "sign_in_address": sign_in_address(),
        "this_page": this_page(),
        "language": language.present(),
    }
    if g.get("ascriptica_bare"):
        return shown | {
            "signed_in": None,
            "is_administrator": False,
            "waiting": 0,
            "sign_ups": 0,
            "display_canvas": False,
            "has_accounts": False,
            "contact": {},
        }
    administers = "tools" in its.pages and is_administrator()
    # Without mails, the office confirms sign-ups.
    confirms = administers and its.mailer is None and its.sign_ins is not None
    sign_ups = len(its.sign_ins.waiting(session())) if confirms else 0
    return shown | {
        "signed_in": signed_in(),
        "is_administrator": administers,
        # Sign-ups count as one thing.
        "waiting": _waiting() + bool(sign_ups) if administers else 0,
        "sign_ups": sign_ups,
        "display_canvas": settings().display_canvas,
        # Sign-in pages of its own, rather than the host's.
        "has_accounts": its.sign_ins is not None,
        # How participants reach the office; blank if nothing is set.
        "contact": {name: getattr(settings(), f"contact_{name}") for name in ("text", "email", "phone")},
    }


def _waiting() -> int:
    """How many things wait for an administrator in Canvas, with people to be erased as one."""
    current = settings()
    to_erase = access_before_erasing.somebody_waits_for_a_connection(current.connection_id)
    if current.connection is None or not current.display_canvas:
        return int(bool(session().scalar(select(to_erase))))
    return blocked.number(session(), current.connection, clock.utc_now(), to_erase)
