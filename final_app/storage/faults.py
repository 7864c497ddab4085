"""Turn low-level errors, such as that of a full disk, into errors that users understand."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from final_app.errors import Busy, Damaged, DiskFull, Unwritable
from final_app.lib.logs import Seldom
from final_app.storage import damage
from final_app.storage.images import NO_SPACE

# SQLITE_IOERR_SHMSIZE means that the index of the write-ahead log cannot grow.
FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
HELD = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
OUT_OF_REACH = {
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY,
}  # fmt: skip
BUSY = "The database is busy. Nothing was saved; try again."
PATIENCE = 5.0  # seconds to wait for a connection to the database

log = logging.getLogger(__name__)
logging.getLogger(f"{__name__}.Pool").setLevel(logging.WARNING)  # by SQLAlchemy
_full, _damaged, _unwritable = Seldom(log), Seldom(log), Seldom(log)


class Pool(QueuePool):
    """A pool that raises Busy if all connections are in use, whether or not a session needs one."""

    def connect(self) -> PoolProxiedConnection:
        try:
            return super().connect()
        except PoolTimeout as problem:
            raise Busy(BUSY) from problem


def means_full(problem: BaseException) -> bool:
    """Return whether an error from the operating system or SQLite means that the disk is full."""
    errno, code = getattr(problem, "errno", 0), getattr(problem, "sqlite_errorcode", 0)
    return errno in NO_SPACE or code in FULL


def means_busy(problem: sqlite3.Error) -> bool:
    """Return whether an SQLite error means that another connection has locked the database."""
    return problem.sqlite_errorcode & damage.PRIMARY in HELD


def disk_full(place: Path | str) -> DiskFull:
    """Return the error to show to users, and log a line for the operator of the chat."""
    _full.error(f"The disk is full. The chat stores nothing until there is space in {place}.")
    return DiskFull("The server's disk is full. Nothing was saved; tell whoever runs this chat.")


@contextmanager
def refusing_if_full(folder: Path) -> Iterator[None]:
    """Raise DiskFull if a file cannot be written because there is no space left."""
    try:
        yield
    except OSError as problem:
        if not means_full(problem):
            raise
        raise disk_full(folder) from None


def explain(problem: BaseException, engine: Engine | None) -> None:
    """Raise DiskFull, Damaged or Unwritable if a database error means that. Otherwise, do nothing."""
    database = Path(engine.url.database or "") if engine else Path()
    if means_full(problem):
        raise disk_full(database.parent) from problem
    if damage.is_damage(problem):
        _damaged.error(damage.sentence(database, str(problem)))  # names the newest backup
        raise Damaged("The chat's database is damaged. Tell whoever runs this chat.") from problem
    if getattr(problem, "sqlite_errorcode", 0) & damage.PRIMARY in OUT_OF_REACH:
        _unwritable.error(f"{damage.out_of_reach(database)} ({problem})")
        raise Unwritable(
            "The chat can't use its database's file. Nothing was saved; tell whoever runs this chat."
        ) from problem
