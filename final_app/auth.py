"""Authentication: the current user, read from the database for every request and every event."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Response, request, session

from final_app import current
from final_app.accounts import sessions
from final_app.accounts.sessions import Identity
from final_app.errors import Unauthorized

COOKIE = "chat_session"
COOKIE_AGE = 60 * 60 * 24 * 90  # seconds
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}

F = TypeVar("F", bound=Callable[..., Any])


def current_user() -> Identity | None:
    """Return the current user, by the token in the Authorization header or else in the cookie.

    For a socket, the headers are those of its handshake.
    """
    given = request.authorization
    if given is not None:
        return sessions.find(given.token if given.type == "bearer" else None)
    return sessions.find(request.cookies.get(COOKIE))


def require_user() -> Identity:
    """Return the current user. Raises Unauthorized if nobody is logged in."""
    identity = current_user()
    if identity is None:
        raise Unauthorized("You are not logged in.")
    return identity


def login_required(view: F) -> F:
    """Decorate a route that requires a login. It gets the current user as its first argument."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        me = require_user()
        if request.method in UNSAFE:
            current.rate_limiter().count("actions", me.id)
        sessions.touch(me)
        return view(me, *args, **kwargs)

    return cast(F, guarded)


def set_session_cookie(response: Response, token: str) -> Response:
    """Log a browser in. The cookie is Secure if the page was loaded over https.

    This also drops the CSRF token from before the login, because an attacker may have planted it.
    """
    session.clear()
    return set_cookie(response, COOKIE, token)


def set_cookie(response: Response, name: str, value: str) -> Response:
    """Set a cookie that no script reads and that goes to this chat only."""
    response.set_cookie(
        name, value, max_age=COOKIE_AGE, httponly=True, samesite="Lax",
        secure=request.is_secure, path=request.root_path or "/",
    )  # fmt: skip
    return response


def clear_session_cookie(response: Response) -> Response:
    response.delete_cookie(COOKIE, path=request.root_path or "/", samesite="Lax", httponly=True)
    return response
