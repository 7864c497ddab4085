"""The limits on passwords: how often somebody can guess, and whose password is hashed next.

Hashing a password is slow on purpose. Attempts from one address wait for each other, so that many of
them delay nobody at another address.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request

from final_app import current
from final_app.errors import Forbidden, Unauthorized
from final_app.lib.addresses import network
from final_app.lib.turns import Turns
from final_app.storage.transaction import release_connection

LONGEST_NAME = 40  # characters; no username is longer
PRICE = 10  # actions; even the right password takes a third of a second of CPU time
_turns = Turns()  # of the addresses from which passwords are sent


@contextmanager
def login_attempt(username: str) -> Iterator[None]:
    """Run one login attempt. Raises RateLimited after too many wrong passwords.

    There is one limit per username and IP address, and another one per IP address. Right passwords count
    only toward the limit of actions, so that nobody can send them without a pause. An attempt begins
    after all earlier ones from its address. Otherwise, an attacker could make a thousand attempts at the
    same time, because all of them would start before the first one fails.
    """
    address, name, limiter = _address(), username[:LONGEST_NAME], current.rate_limiter()
    keys: dict[str, tuple[object, ...]] = {
        "logins_address": (address,),
        "logins": (address, name),  # it can be any text, of any length
    }
    with _turn():
        for kind, key in keys.items():
            limiter.check(kind, *key)
        limiter.count("actions", address, name, cost=PRICE)
        try:
            yield
        except (Unauthorized, Forbidden):
            for kind, key in keys.items():
                limiter.count(kind, *key)
            raise


@contextmanager
def registration() -> Iterator[None]:
    """Run one registration. Raises RateLimited after too many of them from one IP address."""
    current.rate_limiter().count("logins_address", _address())
    with _turn():
        yield


@contextmanager
def _turn() -> Iterator[None]:
    release_connection()  # a turn can take a while to come
    with _turns.of(_address()):
        yield


def _address() -> str:
    return network(request.remote_addr or "")
