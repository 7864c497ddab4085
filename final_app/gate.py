"""Who asks, and may they? Read anew from the database for every request and every event."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_wtf import CSRFProtect
from werkzeug.routing import IntegerConverter

from final_app import log_ins
from final_app.config import Settings
from final_app.errors import Forbidden, Unauthorized
from final_app.files import Files
from final_app.log_ins import Me
from final_app.throttle import Throttle

COOKIE = "chat_session"
COOKIE_AGE = 60 * 60 * 24 * 90  # seconds
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}

F = TypeVar("F", bound=Callable[..., Any])


def caller() -> Me | None:
    """Return who asks: by the token in the Authorization header where there is one, else by cookie.

    A socket's headers are those of its handshake.
    """
    given = request.authorization
    if given is not None:
        return log_ins.who(given.token if given.type == "bearer" else None)
    return log_ins.who(request.cookies.get(COOKIE))


def known() -> Me:
    """Return who asks. Raises Unauthorized for a stranger."""
    me = caller()
    if me is None:
        raise Unauthorized("You are not logged in (any more).")
    return me


def for_people(view: F) -> F:
    """Decorate a route that is for people who are logged in: its first argument is who asks."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        me = known()
        if request.method in UNSAFE:
            throttle().count("actions", me.id)
        log_ins.seen(me)
        return view(me, *args, **kwargs)

    return cast(F, guarded)


@contextmanager
def one_guess(name: str) -> Iterator[None]:
    """Let a password be tried, unless too many were wrong: for this name from here, or from here.

    Asked again afterwards: of a thousand tries at once, all begin before the first has failed.
    """
    here = request.remote_addr
    tries: dict[str, tuple[object, ...]] = {"logins": (here, name), "logins_address": (here,)}
    for kind, who in tries.items():
        throttle().check(kind, *who)
    try:
        yield
    except (Unauthorized, Forbidden):
        for kind, who in tries.items():
            throttle().count(kind, *who)
        raise
    for kind, who in tries.items():
        throttle().check(kind, *who)


def field(name: str) -> str:
    """Return what stands in a field of the form that was sent."""
    return request.form.get(name, "")


def settings() -> Settings:
    return cast(Settings, current_app.config["CHAT"])


def files() -> Files:
    return cast(Files, current_app.extensions["files"])


def throttle() -> Throttle:
    return cast(Throttle, current_app.extensions["throttle"])


def log_in(response: Response, token: str) -> Response:
    """Give the browser its log-in; the cookie is Secure exactly when the page came by https.

    The CSRF token from before is forgotten: somebody else may have planted it.
    """
    session.clear()
    response.set_cookie(
        COOKIE, token, max_age=COOKIE_AGE, httponly=True, samesite="Lax",
        secure=request.is_secure, path=request.root_path or "/",
    )  # fmt: skip
    return response


def log_out(response: Response) -> Response:
    response.delete_cookie(COOKIE, path=request.root_path or "/", samesite="Lax", httponly=True)
    return response


class Csrf(CSRFProtect):  # type: ignore[misc]
    """Asks for the CSRF token, but not of who shows a token of their own: no browser adds that."""

    def protect(self, apply_exemptions: bool = False) -> None:
        if request.authorization is None:
            super().protect(apply_exemptions)

    def _get_csrf_token(self) -> str | None:
        # The header first: a file need not be read before it is known who sends it.
        token: str | None = request.headers.get("X-CSRFToken") or super()._get_csrf_token()
        return token


class Number(IntegerConverter):
    """A number in an address that a database can hold; a longer one is an address of nothing."""

    regex = r"[0-9]{1,15}"


class CsrfSession(SecureCookieSessionInterface):
    """Flask's session holds the CSRF token and nothing else; Secure exactly under https."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_path(self, app: Flask) -> str:
        return request.root_path or "/"


def protect(app: Flask, frame_ancestors: str) -> None:
    """Send with every answer what a browser may do with it."""
    policy = (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
        f"frame-ancestors {frame_ancestors}"
    )

    @app.after_request
    def add(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if request.endpoint not in ("static", "socketio_browser.static"):
            response.headers.setdefault("Cache-Control", "no-store")
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response
