"""The only clock and the only randomness."""

import secrets
import time
from datetime import UTC, datetime

TOKEN_BYTES = 32


def now() -> datetime:
    """Return the time in UTC, without a zone: databases keep it so."""
    return datetime.now(UTC).replace(tzinfo=None)


def now_as_timestamp() -> float:
    """Return the time in seconds since 1970, as counters of rates keep it."""
    return time.time()


def iso(moment: datetime | None) -> str | None:
    """Return a time as the wire carries it, such as 2026-11-22T18:00:00.123Z."""
    return moment.isoformat(timespec="milliseconds") + "Z" if moment else None


def seconds() -> float:
    """Return seconds that never jump, for measuring how long something took."""
    return time.monotonic()


def pause(duration: float) -> None:
    """Wait, in seconds; under gevent everybody else goes on meanwhile."""
    time.sleep(duration)


def token() -> str:
    """Return 256 random bits as text that fits into an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)
