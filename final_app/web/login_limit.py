"""The rate limit of failed logins, which stops attempts to find a password by brute force."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request

from final_app import current
from final_app.errors import Forbidden, Unauthorized


@contextmanager
def login_attempt(username: str) -> Iterator[None]:
    """Run one login attempt. Raises RateLimited after too many wrong passwords.

    Failures are counted per username and IP address, and per IP address. The limit is checked again
    after the attempt, because a thousand simultaneous attempts all start before the first one fails.
    """
    address, limiter = request.remote_addr, current.rate_limiter()
    keys: dict[str, tuple[object, ...]] = {
        "logins": (address, username),
        "logins_address": (address,),
    }
    for kind, key in keys.items():
        limiter.check(kind, *key)
    try:
        yield
    except (Unauthorized, Forbidden):
        for kind, key in keys.items():
            limiter.count(kind, *key)
        raise
    for kind, key in keys.items():
        limiter.check(kind, *key)
