"""Access to the settings, files and rate limits of the current application."""

from typing import Any, cast

from flask import Flask, current_app

from final_app.config import Settings
from final_app.lib.rate_limit import RateLimiter
from final_app.storage.files import Files


def application() -> Flask:
    """Return the application itself, for work that goes on after the request."""
    return cast(Any, current_app)._get_current_object()  # type: ignore[no-any-return]


def settings() -> Settings:
    return cast(Settings, current_app.config["CHAT"])


def files() -> Files:
    return cast(Files, current_app.extensions["files"])


def rate_limiter() -> RateLimiter:
    return cast(RateLimiter, current_app.extensions["rate_limiter"])
