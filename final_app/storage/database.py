"""Options of the database connection, and migrations."""

import sqlite3
from pathlib import Path
from typing import Any

import flask_migrate
from sqlalchemy import event
from sqlalchemy.engine import Engine

MIGRATIONS = Path(__file__).parent / "migrations"
ENGINE_OPTIONS: dict[str, Any] = {
    "pool_size": 8,
    "max_overflow": 64,  # connections; a request that only reads also uses one
    # SQLite's own waiting would block the whole gevent loop. `transaction` waits cooperatively instead.
    "connect_args": {"timeout": 0, "isolation_level": "IMMEDIATE", "check_same_thread": False},
}


def upgrade() -> None:
    """Migrate the database to this version of the chat. Needs an application context."""
    flask_migrate.upgrade(directory=str(MIGRATIONS))


@event.listens_for(Engine, "connect")
def _prepare(connection: sqlite3.Connection, record: object) -> None:
    """Allow reading while another connection writes (WAL), and flush every commit to disk."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
