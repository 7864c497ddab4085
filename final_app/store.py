"""Writing to the database: one at a time, whole or not at all, and never in anybody's way."""

import functools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import flask_migrate
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from final_app import clock
from final_app.errors import Busy
from final_app.models import db

PATIENCE = 15.0  # seconds of waiting: for one's turn, and while another program writes
TRY_AGAIN = 0.05  # seconds
BUSY = "The database is busy. Nothing was stored; try again."
MIGRATIONS = Path(__file__).parent / "migrations"
POOL = {"pool_size": 8, "max_overflow": 64}  # connections; a request that only reads holds one

# SQLite's own busy wait would stop the whole gevent loop: `writes` waits, cooperatively.
SQLITE = {"timeout": 0, "isolation_level": "IMMEDIATE", "check_same_thread": False}

P = ParamSpec("P")
T = TypeVar("T")

_one_at_a_time = threading.Lock()


def options(address: str) -> dict[str, Any]:
    """Return what SQLAlchemy's engine is made with, for a database at this address."""
    return POOL | ({"connect_args": SQLITE} if address.startswith("sqlite") else {})


def upgrade() -> None:
    """Bring the tables to this version of the chat, in an application context."""
    flask_migrate.upgrade(directory=str(MIGRATIONS))


def writes(work: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function whose statements become one transaction. Raises Busy after PATIENCE.

    Inside it, nothing may wait, emit or yield. A function that calls another one joins its
    transaction. Return plain data: rows belong to the transaction.
    """

    @functools.wraps(work)
    def transaction(*args: P.args, **kwargs: P.kwargs) -> T:
        if db.session.info.get("writing"):
            return work(*args, **kwargs)
        db.session.rollback()  # ends what was only read, and gives its connection back
        with _turn():
            db.session.info["writing"] = True
            try:
                result = work(*args, **kwargs)
                db.session.commit()
                return result
            except BaseException:
                db.session.rollback()
                raise
            finally:
                db.session.info["writing"] = False

    return transaction


@contextmanager
def _turn() -> Iterator[None]:
    """Wait until nobody else writes: in this program first, then in any other."""
    give_up = clock.seconds() + PATIENCE
    if not _one_at_a_time.acquire(timeout=PATIENCE):
        raise Busy(BUSY)
    try:
        _begin(give_up)
        yield
    finally:
        _one_at_a_time.release()


def _begin(give_up: float) -> None:
    """Begin a transaction that is allowed to write, as soon as no other program writes."""
    if db.engine.dialect.name != "sqlite":
        return
    while True:
        try:
            db.session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as error:
            db.session.rollback()
            if "locked" not in str(error.orig):
                raise
            if clock.seconds() > give_up:
                raise Busy(BUSY) from error
        clock.pause(TRY_AGAIN)


@event.listens_for(Engine, "connect")
def _prepare(connection: Any, record: object) -> None:
    """Let readers and a writer go side by side, and let a commit mean: it is on the disk."""
    if not isinstance(connection, sqlite3.Connection):
        return
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
