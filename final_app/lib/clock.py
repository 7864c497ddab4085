"""The only source of time and of random tokens."""

import secrets
import time
from datetime import UTC, datetime

TOKEN_BYTES = 32
SHORT_TOKEN_BYTES = 4


def now() -> datetime:
    """Return the time in UTC, without a time zone, as databases store it."""
    return datetime.now(UTC).replace(tzinfo=None)


def now_as_timestamp() -> float:
    """Return the time in seconds since 1970."""
    return time.time()


def iso(moment: datetime | None) -> str | None:
    """Return a time in the form that clients receive, such as 2026-11-22T18:00:00Z."""
    return moment.isoformat(timespec="seconds") + "Z" if moment else None


def seconds() -> float:
    """Return the time of a monotonic clock in seconds. Use it to measure durations."""
    return time.monotonic()


def pause(duration: float) -> None:
    """Wait for some seconds. With gevent, all other greenlets keep running in the meantime."""
    time.sleep(duration)


def token() -> str:
    """Return 256 random bits as text that can be part of a URL.

    It never begins with “-”. Otherwise, a command such as `invites revoke` would take it for an option.
    """
    while (found := secrets.token_urlsafe(TOKEN_BYTES)).startswith("-"):
        pass
    return found


def short_token() -> str:
    """Return 32 random bits as eight hexadecimal digits."""
    return secrets.token_hex(SHORT_TOKEN_BYTES)
