"""Protection against cross-site request forgery, and the cookie that contains its token."""

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf import CSRFProtect


def protect(app: Flask) -> None:
    """Require a CSRF token for every request that changes something."""
    app.session_interface = _CookieInterface()
    _Protection(app)


class _Protection(CSRFProtect):  # type: ignore[misc]
    """Requires no token if there is an Authorization header, which browsers do not add by themselves."""

    def protect(self, apply_exemptions: bool = False) -> None:
        if request.authorization is None:
            super().protect(apply_exemptions)

    def _get_csrf_token(self) -> str | None:
        # Check the header first, so that an upload need not be read before its sender is known.
        token: str | None = request.headers.get("X-CSRFToken") or super()._get_csrf_token()
        return token


class _CookieInterface(SecureCookieSessionInterface):
    """Flask's session contains only the CSRF token. Its cookie is Secure over https."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_path(self, app: Flask) -> str:
        return request.root_path or "/"
