"""Password hashing with argon2id: 64 MiB, 3 passes (the second recommendation of RFC 9106).

Hashing takes a fifth of a second, and may first have to wait for a free thread. Before it begins, the
caller's connection to the database goes back to the pool, so that others can use it.
"""

import os
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from final_app.errors import Invalid
from final_app.lib.thread_pool import run_in_thread
from final_app.storage.transaction import release_connection

LEAST, MOST = 8, 200  # characters

_hasher = PasswordHasher()
_LENGTHS = _hasher.salt_len, _hasher.hash_len


def _dummy_hash() -> str:
    """Return a hash that no password matches, but that takes as long to verify as a real one."""
    salt, tag = (b64encode(os.urandom(n)).rstrip(b"=").decode() for n in _LENGTHS)
    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${tag}"


DUMMY_HASH = _dummy_hash()  # used for the check if there is no user with the given name


def hash_password(password: str) -> str:
    """Return the hash to store. Raises Invalid if the password is too short or too long."""
    if not LEAST <= len(password) <= MOST:
        raise Invalid(f"A password must have {LEAST} to {MOST} characters.", field="password")
    release_connection()
    return run_in_thread(_hasher.hash, password)


def verify(digest: str, password: str) -> bool:
    """Return whether the password matches the hash."""
    release_connection()
    return run_in_thread(_verify, digest, password)


def _verify(digest: str, password: str) -> bool:
    try:
        return _hasher.verify(digest, password[: MOST + 1])
    except VerificationError:
        return False
