"""The errors that a call to Canvas can raise."""

from ..shared.said import Said

SOMETHING_ELSE = Said("something_else")


class CanvasError(Exception):
    """A call without a usable answer; `str()` of it is a sentence that may be shown to an administrator.

    `said` is the same with its code and parameters. `leaves_doubt`: whether Canvas may have carried out the request, or
    may still do so.
    """

    leaves_doubt = False

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.said, self.status = Said.of(message), status


class CanvasDown(CanvasError):
    """No proper answer from Canvas: no connection, no answer in time, a 5xx, or a web page instead of data."""

    leaves_doubt = True


class Unreachable(CanvasDown):
    """There was no connection, so Canvas did not get the request."""

    leaves_doubt = False


class AddressRefused(CanvasError):
    """The address leads to a private network, and this installation does not allow that."""


class Redirected(CanvasDown):
    """Canvas redirected us to another address. We never follow, because the token would be sent there."""


class Throttled(CanvasError):
    """Too many calls at once; after `pause_seconds` Canvas accepts calls again [request_throttle.rb]."""

    def __init__(self, message: str, status: int, pause_seconds: float):
        super().__init__(message, status)
        self.pause_seconds = pause_seconds


class TokenRefused(CanvasError):
    """401 with a WWW-Authenticate header: the token is not valid any more [doc/api/oauth.md]."""


class PermissionMissing(CanvasError):
    """401 or 403 without that header: the token is valid, but its owner may not do this."""


class ScopeMissing(CanvasError):
    """401 without that header: the developer key was not approved for this call, which `scope` names
    [config/application.rb]."""

    def __init__(self, message: str, status: int | None = None, scope: str = ""):
        super().__init__(message, status)
        self.scope = scope


class NotFound(CanvasError):
    """404, which never says what was missing [application_controller.rb]."""


class Refused(CanvasError):
    """Any other 4xx; the message has Canvas's own words, `taken` the attributes that are in use already."""

    def __init__(self, message: str, status: int, taken: frozenset[str] = frozenset()):
        super().__init__(message, status)
        self.taken = taken


class CourseConcluded(Refused):
    """400 "Can't add an enrollment to a concluded course." [enrollments_api_controller.rb]."""
