"""HTTP set-up of the stand-alone site: its address, the proxies in front of it, its cookie, the headers it sends."""

import hashlib
import logging
import threading
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from werkzeug.middleware.proxy_fix import ProxyFix

from ..shared import config, process_log
from ..web import errors, headers
from ..web.base import forget_settings
from ..web.refusals import log_refusals

HSTS = "max-age=31536000; includeSubDomains"
ON_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")
OF_PROXIES = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded")

log = logging.getLogger(__name__)


class _SessionInterface(SecureCookieSessionInterface):
    """Flask's own, signed with SHA-256. Over https the cookie is bound to this host and sent only over https."""

    digest_method = staticmethod(hashlib.sha256)

    def get_cookie_name(self, app: Flask) -> str:
        return "__Host-session" if self.get_cookie_secure(app) else super().get_cookie_name(app)

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        return not g.get("ascriptica_keeps_cookie") and super().should_set_cookie(app, session)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure or super().get_cookie_secure(app)


def init_app(app: Flask) -> None:
    """Set up the site. Raises RuntimeError where `ASCRIPTICA_ADDRESS` or `ASCRIPTICA_PROXIES` can't be right.

    With an address, requests for other hosts are refused; with https the session's cookie is sent only over https.
    """
    values = config.read(app.config, config.SITE)
    if count := values["ASCRIPTICA_PROXIES"]:
        # Flask documents this way to add middleware; to the type checker `wsgi_app` is a method.
        cast(Any, app).wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)
    else:
        app.before_request(_warning_of_proxies())
    app.config["ASCRIPTICA_ADDRESS"] = address = values["ASCRIPTICA_ADDRESS"]
    app.session_interface = _SessionInterface()
    if address:
        # This machine's own names too: health checks on it ask /healthz by them.
        app.config["TRUSTED_HOSTS"] = [urlsplit(address).hostname, *ON_THIS_MACHINE]
    if address.startswith("https:"):
        app.config["SESSION_COOKIE_SECURE"] = True
    process_log.begin(app.config["ASCRIPTICA_LOG"])
    app.after_request(_shut_doors)
    app.after_request(_log_strays)
    app.teardown_request(forget_settings)
    errors.show_pages(app)


def _warning_of_proxies() -> Callable[[], None]:
    """A request hook that warns once in each process; further warnings would say nothing new."""
    first = threading.Lock()

    def warn() -> None:
        name = next((one for one in OF_PROXIES if one in request.headers), None)
        if name and first.acquire(blocking=False):
            log.warning(
                "A request carried %s, though ASCRIPTICA_PROXIES is 0. If a proxy is in front of this site, set it to "
                "the number of proxies: until then everybody behind it counts as one visitor.",
                name,
                extra=process_log.about(header=name),
            )

    return warn


def _shut_doors(response: Response) -> Response:
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = HSTS
    return headers.shut_doors(response)


def _log_strays(response: Response) -> Response:
    """Also log requests that were refused outside our addresses; our blueprints log their own."""
    return log_refusals(response) if request.endpoint is None else response
