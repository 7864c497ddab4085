"""Passwords, hashed with argon2id: 64 MiB, 3 passes (RFC 9106, the second recommendation)."""

import os
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from final_app.errors import Invalid
from final_app.offload import offload

LEAST, MOST = 8, 200  # characters

_hasher = PasswordHasher()
_LENGTHS = _hasher.salt_len, _hasher.hash_len


def _digest_of_nothing() -> str:
    """Return what looks like a hash of ours, and takes as long to compare, but was made of nothing."""
    salt, tag = (b64encode(os.urandom(n)).rstrip(b"=").decode() for n in _LENGTHS)
    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${tag}"


NOBODYS = _digest_of_nothing()  # compared with where nobody has the name


def hashed(password: str) -> str:
    """Return what is stored of a password. Raises Invalid for one that is too short or too long."""
    if not LEAST <= len(password) <= MOST:
        raise Invalid(f"A password has {LEAST} to {MOST} characters.", field="password")
    return offload(_hasher.hash, password)


def match(digest: str, password: str) -> bool:
    """Tell whether it is the password that was hashed."""
    return offload(_matches, digest, password)


def _matches(digest: str, password: str) -> bool:
    try:
        return _hasher.verify(digest, password[: MOST + 1])
    except VerificationError:
        return False
