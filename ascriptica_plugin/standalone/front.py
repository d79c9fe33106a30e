"""The stand-alone host as browsers meet it: its address, the proxies before it, its cookie, headers of every answer."""

import hashlib
from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

from .. import config, process_log
from ..web import base

HSTS = "max-age=31536000; includeSubDomains"
ON_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")


class _SessionInterface(SecureCookieSessionInterface):
    """Flask's own, signed with SHA-256; over https the cookie is this host's alone and comes back over https only."""

    digest_method = staticmethod(hashlib.sha256)

    def get_cookie_name(self, app: Flask) -> str:
        return "__Host-session" if self.get_cookie_secure(app) else super().get_cookie_name(app)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure or super().get_cookie_secure(app)


def init_app(app: Flask) -> None:
    """Set the site up. Raises RuntimeError where `ASCRIPTICA_ADDRESS` or `ASCRIPTICA_PROXIES` can't be right.

    With an address, requests for other hosts are refused, and with https the session's cookie goes over https only.
    """
    values = config.read(app.config, config.SITE)
    if count := values["ASCRIPTICA_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)
    app.config["ASCRIPTICA_ADDRESS"] = address = values["ASCRIPTICA_ADDRESS"]
    app.session_interface = _SessionInterface()
    if address:
        # This machine's own names too: whoever looks after it asks /healthz by them.
        app.config["TRUSTED_HOSTS"] = [urlsplit(address).hostname, *ON_THIS_MACHINE]
    if address.startswith("https:"):
        app.config["SESSION_COOKIE_SECURE"] = True
    process_log.begin()
    app.after_request(_shut_doors)


def _shut_doors(response: Response) -> Response:
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = HSTS
    return base.shut_doors(response)
