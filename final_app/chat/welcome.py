"""The initial state of a page, for the HTML and the event `welcome`."""

from typing import Any

from final_app.chat import memberships, messages, people, presence
from final_app.config import Settings


def state_for(user_id: int) -> dict[str, Any]:
    """Return {rooms, people}: the user's rooms, and everyone with `online`."""
    return {
        "rooms": memberships.of(user_id),
        "people": presence.with_online(people.everybody()),
    }


def limits(settings: Settings) -> dict[str, int]:
    """Return the limits that a page checks itself, in characters, bytes and files."""
    return {
        "text": messages.TEXT_LENGTH,
        "upload_size": settings.upload_size,
        "uploads": settings.uploads_per_message,
    }
