"""Decides what happens to a seat, and to the connection, after a failed call; nothing else does. A small task, such as
a look-up, says itself when it is tried again.

| error | may be all of Canvas | counts | gives up | cause, and who acts: `ledger.causes` |
|---|---|---|---|---|
| Throttled | no | no | no | the flight slows down |
| CanvasDown, AddressRefused, TokenRefused | yes, until a probe says no | no | no | the connection is held |
| Stuck, PermissionMissing, ScopeMissing | no | no | no | the seat is held for what it names |
| CanvasDown of one seat | no | for the pause only | no | no_answer |
| Refused and any other CanvasError | no | yes | after `pauses.TRIES` | refused |
| anything else | no | for the pause only | no | our_fault |
"""

from dataclasses import dataclass
from datetime import timedelta

from ..canvas.errors import AddressRefused, CanvasDown, CanvasError, PermissionMissing, ScopeMissing, TokenRefused
from ..shared import pauses
from ..shared.language import mark
from ..shared.said import Said
from ..tables.canvas import Connection
from .tasks import Stuck


@dataclass(frozen=True)
class Failure:
    """What happens to a seat. `again_in` None and not `parked`: it is held until its cause is removed."""

    cause: str
    scope: str
    detail: str
    again_in: timedelta | None = None
    attempts: int = 0
    """How many were counted with this one."""
    parked: bool = False
    unforeseen: bool = False


def may_be_all_of_canvas(error: BaseException | None) -> bool:
    """Whether the error may be about all of Canvas or the token, not about one seat."""
    return isinstance(error, CanvasDown | AddressRefused | TokenRefused)


def leaves_doubt(error: BaseException | None) -> bool:
    """Whether Canvas may have carried out the request, or may still do so."""
    return isinstance(error, CanvasError) and error.leaves_doubt


def of_connection(error: CanvasError, connection: Connection) -> str:
    """The cause that puts the connection on hold after a probe failed with this error."""
    if isinstance(error, TokenRefused) and connection.key_kind == "developer_key":
        # While Canvas gives no new token, the old one may be dead already.
        return "canvas_down" if connection.refresh_tries else "key_refused"
    if isinstance(error, TokenRefused):
        return "token_dead"
    return "address_refused" if isinstance(error, AddressRefused) else "canvas_down"


def of_seat(error: BaseException, attempts: int, cause: str | None) -> Failure:
    """What happens to a seat that failed with this error, given its counted attempts and its cause so far."""
    if isinstance(error, Stuck):
        return Failure(error.cause, error.scope, error.detail)
    if isinstance(error, PermissionMissing):
        return Failure("permission_missing", mark("to see courses and people"), error.said)
    if isinstance(error, ScopeMissing):
        return Failure("scope_missing", error.scope, error.said)
    counted = attempts + 1
    again_in = pauses.back_off(attempts)
    if not isinstance(error, CanvasError):
        said = Said("unforeseen", name=type(error).__name__)
        return Failure("our_fault", "", said, again_in, counted, unforeseen=True)
    if isinstance(error, CanvasDown):
        return Failure("no_answer", "", error.said, again_in, counted)
    if cause != "refused":
        # Only refusals count towards giving up, not earlier attempts that Canvas left without an answer.
        counted = 1
    return Failure("refused", "", error.said, again_in, counted, parked=counted >= pauses.TRIES)
