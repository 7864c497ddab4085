"""New databases for the measurements, in SQLite or in PostgreSQL."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from final_app.config import Settings
from workshop import cluster


@contextlib.contextmanager
def new_urls(*, postgresql: bool) -> Iterator[Callable[[], str]]:
    """Yield a function that returns the URL of a new database. For SQLite, it returns ""."""
    if not postgresql:
        yield lambda: ""
        return
    with cluster.running(durable=True) as server:
        yield server.url


def settings(folder: Path, url: str) -> Settings:
    """Return the settings of a chat with this database, or with SQLite in its folder."""
    return Settings(data_dir=folder, database_url=url)
