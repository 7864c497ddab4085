"""Which database the chats of the tests use: SQLite, or a new one in PostgreSQL."""

import atexit
import contextlib
from collections.abc import Iterator

from tests.needs import needs_postgres
from workshop import cluster as clusters

_kept = contextlib.ExitStack()
_cluster: clusters.Cluster | None = None
_kind = "sqlite"


@contextlib.contextmanager
def chosen(kind: str) -> Iterator[None]:
    """Let the chats that are made meanwhile use "sqlite" or "postgresql"."""
    global _kind
    before, _kind = _kind, kind
    try:
        yield
    finally:
        _kind = before


def new_url() -> str:
    """Return the database of a new chat: "" means SQLite, in its folder."""
    return cluster().url() if _kind == "postgresql" else ""


def cluster() -> clusters.Cluster:
    """Return the PostgreSQL server of this test process, and start it if need be."""
    global _cluster
    needs_postgres()
    if _cluster is None:
        _cluster = _kept.enter_context(clusters.running())
        atexit.register(_kept.close)
    return _cluster
