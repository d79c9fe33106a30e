"""Everything that a call to Canvas can fail with."""

SOMETHING_ELSE = "Canvas answered something other than what was asked for."


class CanvasError(Exception):
    """A call that brought no answer we can use; `str()` of it is a sentence that may be shown to an administrator.

    `leaves_doubt`: whether Canvas may have done what was asked, or still do it.
    """

    leaves_doubt = False

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


class CanvasDown(CanvasError):
    """Nothing that Canvas itself would say: no connection, no answer in time, a 5xx, or a web page instead of data."""

    leaves_doubt = True


class Unreachable(CanvasDown):
    """No connection came about, so nothing was asked."""

    leaves_doubt = False


class AddressRefused(CanvasError):
    """The address leads to a private network, and this installation does not allow that."""


class Redirected(CanvasDown):
    """Canvas sent us to another address; we never follow, because the token would travel along."""


class Throttled(CanvasError):
    """Too many calls at once; `pause_seconds` says how long Canvas wants quiet [request_throttle.rb]."""

    def __init__(self, message: str, status: int, pause_seconds: float):
        super().__init__(message, status)
        self.pause_seconds = pause_seconds


class TokenRefused(CanvasError):
    """401 with a WWW-Authenticate header: the token itself is dead [doc/api/oauth.md]."""


class PermissionMissing(CanvasError):
    """401 or 403 without that header: the token lives, its owner may not do this."""


class NotFound(CanvasError):
    """404, which never says what was missing [application_controller.rb]."""


class Refused(CanvasError):
    """Any other 4xx; the message carries Canvas's own words, `taken` the attributes that exist already."""

    def __init__(self, message: str, status: int, taken: frozenset[str] = frozenset()):
        super().__init__(message, status)
        self.taken = taken


class CourseConcluded(Refused):
    """400 "Can't add an enrollment to a concluded course." [enrollments_api_controller.rb]."""
