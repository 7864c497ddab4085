"""Authentication: find the current user, in the database, for every request and every event."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Response, after_this_request, has_request_context, request, session
from werkzeug.datastructures import Authorization
from werkzeug.sansio.http import parse_cookie

from final_app import current
from final_app.accounts import sessions
from final_app.accounts.sessions import Identity
from final_app.errors import Unauthorized
from final_app.lib.audit import audited
from final_app.wire.server import caller

COOKIE = "chat_session"
COOKIE_AGE = 60 * 60 * 24 * 400  # seconds, the most in browsers; `sessions.LIFETIME` is shorter
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
# How much an expensive route or event counts toward the rate limit of reads. All others count as 1. A
# price is about the CPU time in milliseconds in a chat of 50 people and 50 rooms. (The longest sync
# takes 80 ms, but most take 1 ms.) With the default limit, one person can use about a quarter of a core.
PRICES = {
    "account.show": 10,  # up to a hundred sessions
    "pages.home": 5,  # may have to look for the last message of somebody who never wrote one
    "pages.room": 15,
    "api.read_messages": 5,
    "api.everybody": 3,
    "api.members": 3,
    "api.open_rooms": 3,
    "api.find": 10,
    "connect": 3,
    "sync": 40,
}

F = TypeVar("F", bound=Callable[..., Any])


def current_user() -> Identity | None:
    """Return the user who sent the current request or, in the handler of an event, the event."""
    if has_request_context():
        return of_request(request.environ)
    session_id = current.presence().session_of(caller().sid)
    return sessions.get(session_id) if session_id else None


def of_request(environ: dict[str, Any]) -> Identity | None:
    """Return the user and session that a request or handshake belongs to, or None.

    The token is taken from the Authorization header or, if it contains none, from the cookie.
    """
    token = bearer_token(environ)
    return sessions.find(_cookie(environ) if token is None else token)


def bearer_token(environ: dict[str, Any]) -> str | None:
    """Return the token in the Authorization header, or None if the header does not say "Bearer".

    Any other kind of header is for a proxy. After a proxy has asked for a password, the browser adds
    "Basic …" to every request, and the proxy passes it on.
    """
    given = Authorization.from_header(environ.get("HTTP_AUTHORIZATION"))
    return (given.token or "") if given is not None and given.type == "bearer" else None


def credential(environ: dict[str, Any]) -> str:
    """Return the credentials that a request contains, without checking them."""
    return f"{bearer_token(environ) or ''} {_cookie(environ) or ''}"


def require_user() -> Identity:
    """Return the current user. Raises Unauthorized if nobody is logged in."""
    identity = current_user()
    if identity is None:
        refusal = Unauthorized("You are not logged in.")
        if has_request_context() and bearer_token(request.environ) is not None:
            with audited("token", "unknown", request.remote_addr):  # it was replaced, for example
                raise refusal
        raise refusal
    return identity


def login_required(view: F) -> F:
    """Decorate a route that requires a login. The route gets the current user as its first argument.

    Every request counts toward a rate limit of the user. A request that changes something counts as
    one action. Any other request counts as a read, and costs the price of its route in PRICES.
    """

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        me = require_user()
        if request.method in UNSAFE:
            current.rate_limiter().count("actions", me.id)
        else:
            count_read(me)
        if sessions.touch(me):
            after_this_request(_renew_cookie)
        return view(me, *args, **kwargs)

    return cast(F, guarded)


def count_read(me: Identity) -> None:
    """Count the current request as a read of the user. Raises RateLimited."""
    current.rate_limiter().count("reads", me.id, cost=PRICES.get(request.endpoint or "", 1))


def set_session_cookie(response: Response, token: str) -> Response:
    """Log a browser in. The cookie is Secure if the page was loaded over HTTPS.

    This also deletes the CSRF token that the browser had before the login, because an attacker may
    have set it.
    """
    session.clear()
    return set_cookie(response, COOKIE, token)


def set_cookie(response: Response, name: str, value: str) -> Response:
    """Set a cookie that scripts cannot read and that the browser sends only to this chat."""
    response.set_cookie(
        name, value, max_age=COOKIE_AGE, httponly=True, samesite="Lax",
        secure=request.is_secure, path=request.root_path or "/",
    )  # fmt: skip
    return response


def clear_session_cookie(response: Response) -> Response:
    response.delete_cookie(COOKIE, path=request.root_path or "/", samesite="Lax", httponly=True)
    return response


def _renew_cookie(response: Response) -> Response:
    """Let the browser keep the session cookie for longer, because the session is in use.

    This does nothing if the request was sent with a bearer token, or if the response deletes the cookie.
    """
    token = _cookie(request.environ)
    is_set = any(line.startswith(f"{COOKIE}=") for line in response.headers.getlist("Set-Cookie"))
    if token and not is_set and bearer_token(request.environ) is None:
        set_cookie(response, COOKIE, token)
    return response


def _cookie(environ: dict[str, Any]) -> str | None:
    return parse_cookie(environ.get("HTTP_COOKIE")).get(COOKIE)
