"""Writes refused requests to the process log: what was asked for, by whom, from where."""

import logging

from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError

from ..shared.process_log import about
from .base import blueprint
from .guards import signed_in

log = logging.getLogger(__name__)

REFUSED = (400, 403, 405, 413)


@blueprint.after_request
def log_refusals(response: Response) -> Response:
    """Write refused requests to the process log. The host logs those for its own pages."""
    if response.status_code in REFUSED:
        # The rule, not the path: a path may contain a one-time link.
        what = f"{request.method} {request.url_rule or 'no page of ours'}"
        who, status, address = _asking(), response.status_code, request.remote_addr
        its = about(status=status, method=request.method, page=request.url_rule, asked_by=who, address=address)
        log.warning("%d for %s, asked by %s from %s.", status, what, who, address, extra=its)
    return response


def _asking() -> str:
    try:
        found = signed_in()
    except SQLAlchemyError:
        return "somebody"
    return found.key if found else "a stranger"
