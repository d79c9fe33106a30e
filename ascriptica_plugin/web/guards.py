"""Who may use a page: everybody, signed-in people, or administrators. Every view has one of these marks.

The answers of the views get our security headers here.
"""

import functools
from collections.abc import Callable
from typing import Any, cast

from flask import Response, abort, current_app, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError

from ..office.people import Person
from ..tables import isolation
from .base import plugin, session
from .headers import HEADERS, IN_A_HOST_S_LAYOUT, Answer
from .way_back import sign_in_address


def signed_in() -> Person | None:
    """The signed-in person, as the host says. Raises TypeError if that is not a `Person`."""
    found = plugin().load_participant()
    if found is None:
        return None
    if not isinstance(found, Person):
        raise TypeError(
            f"load_participant must return an ascriptica_plugin.Person or None, not {type(found).__name__}."
        )
    for name in ("key", "email", "name"):
        if not isinstance(value := getattr(found, name), str) or not value:
            raise TypeError(f"load_participant: {name} of the Person must be text, not {value!r}.")
    return found


def is_administrator() -> bool:
    """Whether an administrator is signed in. The host is only asked about somebody who is signed in."""
    if signed_in() is None:
        return False
    found = plugin().may_administer()
    if not isinstance(found, bool):
        raise TypeError(f"may_administer must return True or False, not {type(found).__name__}.")
    return found


def person() -> Person:
    """The signed-in person. If nobody is signed in, the request ends, and the answer leads the visitor to sign in."""
    return signed_in() or abort(_ask_to_sign_in())


def _ask_to_sign_in() -> Response | int:
    """Flask-Login's answer if the host has it, or a redirect to `sign_in`; otherwise 401, which the host answers."""
    manager, address = getattr(current_app, "login_manager", None), sign_in_address()
    # After a POST Flask-Login would lead back to an address that only takes forms.
    asks = manager is not None and (request.method == "GET" or manager.unauthorized_callback or not address)
    if manager is not None and asks:
        return current_app.make_response(manager.unauthorized())
    return cast(Response, redirect(address)) if address else 401


def for_everybody(view: Callable) -> Callable:
    """Marks a page that needs no sign-in, so that a test can find a view whose guard was forgotten."""

    @functools.wraps(view)
    def guarded(**kwargs: Any) -> ResponseReturnValue:
        return _answer(view(**kwargs))

    return _marked(_repeated(guarded), "everybody")


def for_participants(view: Callable) -> Callable:
    """Only for signed-in people. The view's first argument is the `Person`."""

    @functools.wraps(view)
    def guarded(**kwargs: Any) -> ResponseReturnValue:
        return _answer(view(person(), **kwargs))

    return _marked(_repeated(guarded), "participants")


def only_administrators() -> None:
    """401 if nobody is signed in, 403 if the person is not an administrator."""
    person()
    if not is_administrator():
        abort(403)


def for_administrators(view: Callable) -> Callable:
    """Only for administrators; see `only_administrators`."""

    @functools.wraps(view)
    def guarded(**kwargs: Any) -> ResponseReturnValue:
        only_administrators()
        return _answer(view(**kwargs))

    return _marked(_repeated(guarded), "administrators")


def _answer(value: ResponseReturnValue) -> Response:
    # Also if the host has a class of its own for responses, and if a view redirects.
    answer = cast(Answer, Answer.force_type(current_app.make_response(value)))
    if not plugin().look.is_own:
        answer.doors = HEADERS | IN_A_HOST_S_LAYOUT
    return answer


def _repeated(view: Callable) -> Callable:
    """Call the view again if its transaction conflicted with another one, unless the view has committed something.

    Only a transaction that the host began before our view can fail like this. Our own transactions wait for each other.
    """

    @functools.wraps(view)
    def repeated(**kwargs: Any) -> ResponseReturnValue:
        try:
            return view(**kwargs)
        except DBAPIError as error:
            if not isolation.may_be_repeated(session(), error):
                raise
        session().rollback()
        for file in request.files.values():
            file.stream.seek(0)
        return view(**kwargs)

    return repeated


def _marked(view: Callable, guard: str) -> Callable:
    cast(Any, view).guard = guard
    return view
