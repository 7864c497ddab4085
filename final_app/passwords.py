"""Passwords, hashed with argon2id: 64 MiB, 3 passes (RFC 9106, the second recommendation)."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from final_app.errors import Invalid
from final_app.offload import offload

LEAST, MOST = 8, 200  # characters

_hasher = PasswordHasher()

NOBODYS = _hasher.hash(secrets.token_hex())  # compared with where nobody has the name: same time


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
