"""Headers: those that limit what a browser can do with a response, and dates that make no sense."""

from flask import Flask, Response, request
from werkzeug.http import parse_date

DATES = ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE")


def add_to(app: Flask, frame_ancestors: str) -> None:
    """Add the security headers of the application's responses.

    `realtime.server` adds those that Socket.IO's own responses need as well.
    """
    policy = (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
        f"frame-ancestors {frame_ancestors}"
    )

    @app.before_request
    def ignore_impossible_dates() -> None:
        """Ignore a date that Python cannot represent. Werkzeug would fail with it."""
        for name in DATES:
            try:
                parse_date(request.environ.get(name))
            except OverflowError:
                del request.environ[name]

    @app.after_request
    def add(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response
