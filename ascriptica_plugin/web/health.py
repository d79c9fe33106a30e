"""/healthz: whether this process can serve requests."""

from flask import jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from ..tables.canvas import load_settings
from .base import blueprint, session
from .guards import for_everybody


@blueprint.get("/healthz")
@for_everybody
def healthz() -> ResponseReturnValue:
    """200 if the database answers and has our tables, otherwise 503; JSON."""
    try:
        load_settings(session())
    except SQLAlchemyError:
        session().rollback()
        return jsonify(ok=False, problem="The database does not answer, or its tables are missing."), 503
    return jsonify(ok=True)
