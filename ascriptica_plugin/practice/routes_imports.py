"""The API's routes for SIS imports (sis_imports_api_controller.rb): enrollments.csv, or a zip of it and users.csv."""

import io
import zipfile
from typing import Any

from flask import request

from .api import route
from .calls import FILES, Call
from .ids import find_account, number
from .records import SISImport
from .rules import NotFound, Refused, is_true, require
from .rules_imports import ENROLLMENTS, KINDS, OVER

SHOWN = 50
"""How many messages are shown with the import itself; all of them are in its list of errors."""


@route("POST", "/accounts/<id:account>/sis_imports")
def start_import(call: Call, account: str) -> Any:
    """Take in files to import. The order of the checks is Canvas's (sis_imports_api_controller.rb)."""
    world = call.world
    if find_account(world, account).id != world.root_account_id:
        raise Refused({"errors": ["SIS imports can only be executed on root accounts"]})
    if world.imports_are == "off":
        raise Refused({"errors": ["SIS imports are not enabled for this account"]}, 403)
    require(call.caller, "import_sis")
    if is_true(call.params.one("multi_term_batch_mode")) and not call.params.one("change_threshold"):
        raise Refused({"message": "change_threshold is required to use multi term_batch mode."})
    its = SISImport(world.new_id(), world.now(), call.caller.user_id, _files(), world.import_seconds)
    shape = _json(its)
    world.add(its)
    return shape


def _files() -> dict[str, str]:
    if request.mimetype == "multipart/form-data":
        attachment = request.files.get("attachment")
        if attachment is None:
            raise Refused({"error": True, "error_message": "Missing attachment"})
        body = attachment.read()
    else:
        body = request.get_data()
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype not in (*FILES, "multipart/form-data") or charset != "utf-8":
        raise Refused({"error": True, "error_message": "Invalid content type, UTF-8 required"})
    if request.mimetype != "application/zip":
        return {ENROLLMENTS: body.decode(errors="replace")}
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as handed_in:
            return {name: handed_in.read(name).decode(errors="replace") for name in handed_in.namelist()}
    except zipfile.BadZipFile:
        return {}


@route("GET", "/accounts/<id:account>/sis_imports")
def list_imports(call: Call, account: str) -> Any:
    """List the imports, newest first (sis_imports_api_controller.rb, index)."""
    _may_read(call, account)
    since, states = call.params.one("created_since"), call.params.many("workflow_state")
    rows = [
        its
        for its in sorted(call.world.imports.values(), key=lambda its: -its.id)
        if (not since or its.created_at >= since) and (not states or its.workflow_state in states)
    ]
    return {"sis_imports": [_json(its) for its in call.numbered(rows, counted=False)]}


@route("GET", "/accounts/<id:account>/sis_imports/<id:its>")
def show_import(call: Call, account: str, its: str) -> Any:
    """Show how far an import is and, once it is over, what it changed (sis_imports_api_controller.rb)."""
    return _json(_found(call, account, its))


@route("GET", "/accounts/<id:account>/sis_imports/<id:its>/errors")
def list_errors(call: Call, account: str, its: str) -> Any:
    """List what is wrong in an import's files; line 1 is the header (sis_imports_api_controller.rb)."""
    found = _found(call, account, its)
    return {
        "sis_import_errors": [
            {"sis_import_id": found.id, "file": file, "message": words, "row": line}
            for file, line, words in call.numbered(found.warnings)
        ]
    }


@route("PUT", "/accounts/<id:account>/sis_imports/<id:its>/abort")
def abort_import(call: Call, account: str, its: str) -> Any:
    """Abort an import. One that is over is not found (sis_imports_api_controller.rb)."""
    found = _found(call, account, its)
    if found.workflow_state in OVER:
        raise NotFound
    found.workflow_state, found.ended_at = "aborted", call.world.now()
    call.world.changed()
    return _json(found)


def _may_read(call: Call, account: str) -> None:
    if find_account(call.world, account).id != call.world.root_account_id:
        raise Refused({"errors": ["SIS imports can only be executed on root accounts"]})
    require(call.caller, "import_sis", "manage_sis")


def _found(call: Call, account: str, text: str) -> SISImport:
    _may_read(call, account)
    found = call.world.imports.get(number(text))
    if found is None:
        raise NotFound
    return found


def _json(its: SISImport) -> dict[str, Any]:
    is_over = its.workflow_state in OVER
    shape: dict[str, Any] = {
        "id": its.id,
        "created_at": its.created_at,
        "started_at": its.started_at,
        "ended_at": its.ended_at,
        "updated_at": its.ended_at or its.started_at or its.created_at,
        "progress": 100 if is_over else 0,
        "workflow_state": its.workflow_state,
        "data": {"import_type": "instructure_csv"},
        "user": {"id": its.user_id},
    }
    if is_over:
        shape["data"] |= {
            "counts": its.counts,
            "supplied_batches": [KINDS[file] for file in its.files if file in KINDS],
        }
        shape["data"]["statistics"] = {"Enrollment": its.changes}
    if its.warnings:
        shape["processing_warnings"] = [[file, words] for file, _, words in its.warnings[:SHOWN]]
    return shape
