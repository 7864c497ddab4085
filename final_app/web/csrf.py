"""Protection against cross-site request forgery, and the cookie that contains its token."""

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf import CSRFProtect

from final_app import auth


def protect(app: Flask) -> None:
    """Require a CSRF token for every request that changes something."""
    app.session_interface = _CookieInterface()
    _Protection(app)


class _Protection(CSRFProtect):  # type: ignore[misc]
    """Requires no CSRF token if a request has a bearer token, which browsers never add themselves."""

    def protect(self, apply_exemptions: bool = False) -> None:
        if auth.bearer_token(request.environ) is not None:
            return
        try:
            super().protect(apply_exemptions)
        except ValueError:  # in the parts of a URL, such as the port
            self._error_response("The referrer is not a valid URL.")

    def _get_csrf_token(self) -> str | None:
        # Look at the header first. For the token in a form, a whole upload would have to be read before
        # it is known who sent it.
        token: str | None = request.headers.get("X-CSRFToken") or super()._get_csrf_token()
        return token


class _CookieInterface(SecureCookieSessionInterface):
    """Flask's session, which contains only the CSRF token. Its cookie is Secure over HTTPS."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_path(self, app: Flask) -> str:
        return request.root_path or "/"
