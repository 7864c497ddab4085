"""Which database the chats of the tests use: SQLite, or PostgreSQL if `chosen` says so."""

import atexit
import contextlib
import os
from pathlib import Path

from tests.final_app import postgres

_kept = contextlib.ExitStack()
_urls: dict[Path, str] = {}
_cluster: postgres.Cluster | None = None
chosen = os.environ.get("TEST_DATABASE", "sqlite")


def url_of(folder: Path) -> str:
    """Return the database of the chat with this data folder: "" means SQLite, in the folder."""
    if chosen == "sqlite":
        return ""
    if folder not in _urls:
        _urls[folder] = cluster().url()
    return _urls[folder]


def cluster() -> postgres.Cluster:
    """Return the PostgreSQL server of this test process, and start it if need be."""
    global _cluster
    if _cluster is None:
        _cluster = _kept.enter_context(postgres.running())
        atexit.register(_kept.close)
    return _cluster
