"""Options of the database connection, and migrations."""

import sqlite3
from pathlib import Path
from typing import Any

import flask_migrate
from sqlalchemy import event, inspect
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from final_app.errors import CannotStart, Unavailable
from final_app.storage import damage, faults
from final_app.storage.models import db

assert faults  # importing it translates the errors of SQLite

MIGRATIONS = Path(__file__).parent / "migrations"
ENGINE_OPTIONS: dict[str, Any] = {
    "pool_size": 8,
    "max_overflow": 64,  # connections; a request that only reads also uses one
    # The connection that was used last knows most pages of the database, and need not read them again.
    "pool_use_lifo": True,
    # SQLite's own waiting would block the whole gevent loop. `transaction` waits cooperatively instead.
    "connect_args": {"timeout": 0, "isolation_level": "IMMEDIATE", "check_same_thread": False},
    "hide_parameters": True,  # no text, no token and no code of an invite in a traceback
}


def check() -> None:
    """Raise CannotStart if the database is damaged. Needs an application context."""
    damage.check(_path())


def upgrade() -> None:
    """Migrate the database to this version of the chat. Needs an application context.

    Raises CannotStart if that is not possible, or if a table is missing afterwards.
    """
    try:
        flask_migrate.upgrade(directory=str(MIGRATIONS))
        missing = set(db.metadata.tables) - set(inspect(db.engine).get_table_names())
    except Unavailable as problem:
        raise CannotStart(f"The chat can't start. {problem.message}") from None
    except SQLAlchemyError as problem:
        found = str(getattr(problem, "orig", problem))
        raise CannotStart(damage.sentence(_path(), found)) from None
    if missing:
        found = f"missing tables: {', '.join(sorted(missing))}"
        raise CannotStart(damage.sentence(_path(), found))


def _path() -> Path:
    return Path(db.engine.url.database or "")


@event.listens_for(Engine, "connect")
def _prepare(connection: sqlite3.Connection, record: object) -> None:
    """Allow reading while another connection writes (WAL), and flush every commit to disk."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
