"""The types of settings. Each checks a value, and raises ValueError if it is not of this type."""

import re
from contextlib import suppress
from typing import Annotated

from limits import parse_many
from pydantic import AfterValidator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

DEFAULT_DATABASE = "sqlite:///chat.db"
SHORTEST_KEY = 16  # characters; a shorter key could be guessed
ANCESTOR = re.compile(r"(?!(none|self)$)[\w.:/*-]*|'none'|'self'", re.ASCII | re.IGNORECASE)
MIME_PREFIX = re.compile(r"[a-z][a-z0-9.+_-]*(/[a-z0-9.+_-]*)?")
HOST_NAME = re.compile(r"\*|\.?[0-9a-z-]+(\.[0-9a-z-]+)*")


def _is_key(text: str) -> str:
    if text and len(text) < SHORTEST_KEY:
        raise ValueError(f"expected nothing or at least {SHORTEST_KEY} random characters")
    return text


def _is_limit(text: str) -> str:
    with suppress(ValueError):
        (rate,) = parse_many(text)
        if rate.amount:
            return text
    raise ValueError("expected one rate above 0, such as `20 per 10 seconds`")


def _is_database(text: str) -> str:
    """Return the URL. Raises ValueError unless it names a PostgreSQL database or an SQLite file."""
    try:
        url = make_url(text or DEFAULT_DATABASE)
    except (ArgumentError, ValueError):  # ValueError: the port is not a number
        url = make_url("unknown://")
    is_file = url.database and not url.database.startswith((":memory:", "file:"))
    if not (url.drivername == "postgresql+psycopg" or (url.drivername == "sqlite" and is_file)):
        raise ValueError(
            "expected an address such as `postgresql+psycopg://chat@localhost/chat` or "
            f"`{DEFAULT_DATABASE}`"
        )
    return text


def _is_hosts(text: str) -> str:
    """Return the names as they appear in a Host header, separated by spaces. Raises ValueError."""
    names = text.lower().replace(",", " ").split()
    try:
        found = [
            "." * name.startswith(".") + name.strip(".").encode("idna").decode() for name in names
        ]
    except UnicodeError:
        found = [""]
    if not all(HOST_NAME.fullmatch(name) for name in found):
        raise ValueError(
            "expected host names without a scheme, port or path, such as `chat.example.org`, "
            "`.example.org` for the domain and its subdomains, or `*` for any name"
        )
    return " ".join(found)


def _is_ancestors(text: str) -> str:
    if not text.strip(" ") or not all(map(ANCESTOR.fullmatch, text.split(" "))):
        raise ValueError(
            "expected `'none'` or `'self'` in quotes, or origins such as `https://a.example`"
        )
    return text


def _is_types(text: str) -> str:
    if not all(map(MIME_PREFIX.fullmatch, text.split())):
        raise ValueError("expected lowercase prefixes such as `image/ text/`, separated by spaces")
    return text


Key = Annotated[str, AfterValidator(_is_key)]
Limit = Annotated[str, AfterValidator(_is_limit)]
DatabaseUrl = Annotated[str, AfterValidator(_is_database)]
Hosts = Annotated[str, AfterValidator(_is_hosts)]
Ancestors = Annotated[str, AfterValidator(_is_ancestors)]
MimeTypes = Annotated[str, AfterValidator(_is_types)]
