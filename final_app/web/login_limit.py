"""The rate limit on failed logins, which stops attempts to guess a password by brute force."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request

from final_app import current
from final_app.errors import Forbidden, Unauthorized


@contextmanager
def login_attempt(username: str) -> Iterator[None]:
    """Run one login attempt. Raises RateLimited after too many wrong passwords.

    There is one limit per username and IP address, and another one per IP address. Both are checked
    again after a successful attempt. Otherwise, an attacker could make a thousand attempts at the same
    time, because all of them would start before the first one fails.
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
