"""The addresses of the sign-in page, and of the page that somebody came from. They never lead to another site."""

from urllib.parse import urlencode

from flask import current_app, request, url_for
from werkzeug.exceptions import HTTPException


def sign_in_address() -> str | None:
    """The address of the sign-in page, which leads back to this page; None if we know of none.

    `sign_in` is an endpoint or a path; if it is left out, Flask-Login's `login_view` is used.
    """
    manager = getattr(current_app, "login_manager", None)
    where = current_app.extensions["ascriptica"].sign_in or getattr(manager, "login_view", None)
    if where is None:
        return None
    back = page_asked_for()
    if "/" not in where:
        return url_for(where, next=back)
    return f"{request.script_root}{where}" + (f"?{urlencode({'next': back})}" if back else "")


def this_page() -> str:
    """The path and query of this request, below the path at which the site is mounted."""
    return request.script_root + request.full_path.rstrip("?")


def page_asked_for() -> str | None:
    """The page to return to after signing in: this one, or the one whose button was pressed."""
    return this_page() if request.method == "GET" else page_before() or _page_of_the_form()


def page_before() -> str | None:
    """The path of the page that sent the form, if it is on this site; otherwise None."""
    came_from, site = request.referrer or "", request.host_url
    path = came_from.removeprefix(site[:-1])
    own = came_from.startswith(site) and is_own_path(path) and request.method == "POST"
    return path if own else None


def is_own_path(target: str) -> bool:
    """Whether the target stays on this site. One that begins with // or contains a \\ can lead elsewhere."""
    return target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()


def _page_of_the_form() -> str | None:
    """The page of the form that was sent to this address: the nearest path above it that can be opened."""
    pages, path = current_app.url_map.bind_to_environ(request.environ), request.path
    while path := path.rstrip("/"):
        try:
            pages.match(path, "GET")
        except HTTPException:
            path = path.rpartition("/")[0]
        else:
            return request.script_root + path
    return None
