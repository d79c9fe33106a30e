"""An office that is connected by a developer key."""

from ascriptica_plugin.canvas.scopes import SCOPES
from ascriptica_plugin.shared import clock
from ascriptica_plugin.sync import checking, connecting, keeper
from ascriptica_plugin.tables.canvas import Connection, load_settings

from .office_at_work import Office

BACK = "http://localhost/tools/settings/course-settings/approved"
TOKEN_CALL = "POST /login/oauth2/token"


def make_key(office: Office, **fields: object) -> dict[str, str]:
    """A developer key in the practice Canvas, as Course Settings ask for it."""
    return office.canvas.developer_key(BACK, **{"scopes": SCOPES, "include_parameters": True, **fields})


def connect_with_key(
    office: Office, key: dict[str, str] | None = None, *, approved: tuple[str, ...] = SCOPES, **fields: object
) -> Connection:
    """Connect by a developer key that the practice Canvas's admin has approved for these scopes."""
    key, canvas = key or make_key(office, **fields), office.canvas
    code = canvas.approve(key, BACK, scope=" ".join(approved))["code"]
    grant = office.canvases.oauth(canvas.api, key["client_id"], key["client_secret"]).use_code(code, BACK)
    refresh_at = keeper.next_refresh(grant.expires_in, office.now)
    opened = connecting.DeveloperKey(key["client_id"], key["client_secret"], grant.refresh_token, refresh_at)
    settings, root_id = load_settings(office.session), canvas.ids["account.root"]
    connecting.keep_draft(settings, office.canvases, canvas.api, root_id, grant.access_token, opened)
    outcome = checking.check_connection(canvas.api, grant.access_token, root_id, allow_private=True, scoped=True)
    connection = connecting.adopt(office.session, settings, office.canvases, outcome.findings, office.now)
    settings.display_canvas = True
    office.session.commit()
    office.canvases.client(connection).myself()
    canvas.calls()
    return connection


def later(office: Office, seconds: float) -> None:
    """Let time go by here and in the practice Canvas, which ends tokens by its own clock."""
    office.later(seconds=seconds)
    office.canvas.options(clock_offset_seconds=(office.now - clock.utc_now()).total_seconds())
