"""Functions that return the objects of the current application, such as its settings and files."""

from typing import cast

from flask import current_app

from final_app.chat import people, texts
from final_app.chat.people import Listing
from final_app.chat.presence import Presence
from final_app.config import Settings
from final_app.lib.rate_limit import RateLimiter
from final_app.storage.files import Files
from final_app.storage.readiness import Readiness


def settings() -> Settings:
    return cast(Settings, current_app.config["CHAT"])


def limits() -> dict[str, int]:
    """Return the limits that the page checks itself: characters, bytes per file, files per message."""
    return {
        "text": texts.LENGTH,
        "upload_size": settings().upload_size,
        "uploads": settings().uploads_per_message,
    }


def files() -> Files:
    return cast(Files, current_app.extensions["files"])


def rate_limiter() -> RateLimiter:
    return cast(RateLimiter, current_app.extensions["rate_limiter"])


def readiness() -> Readiness:
    return cast(Readiness, current_app.extensions["readiness"])


def presence() -> Presence:
    return cast(Presence, current_app.extensions["presence"])


def listing() -> Listing:
    """Return the list of all people. The list is encoded again only after a person has changed."""
    kept = people.listing(current_app.extensions.get("listing"))
    current_app.extensions["listing"] = kept
    return kept
