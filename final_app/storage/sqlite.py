"""SQLite, where one connection writes at a time. Waiting for it does not block the event loop."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar, cast

from sqlalchemy import Connection, Engine, TextClause, event
from sqlalchemy.engine import ExceptionContext

from final_app.errors import Busy, CannotStart
from final_app.lib import clock
from final_app.lib.thread_pool import run_at_once
from final_app.storage import damage, faults
from final_app.storage.models import db

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TRY_AGAIN = 0.05  # seconds between two attempts to begin a transaction
CLOSE_PATIENCE = 0.5  # seconds that a transaction has to finish when the server stops
MIGRATION_PATIENCE = 15.0  # seconds that a migration waits for other processes

_slow = threading.Lock()  # held while a slow statement runs


class Sqlite:
    """The database of one server process. Commands are other processes, and can write as well."""

    options: ClassVar[dict[str, Any]] = {
        "poolclass": faults.Pool,
        "pool_timeout": faults.PATIENCE,
        "pool_size": 8,
        "max_overflow": 64,  # connections; a request that only reads also uses one
        # The connection that was used last has most pages of the database in its cache.
        "pool_use_lifo": True,
        # SQLite's own waiting would block the whole gevent loop. `write` waits cooperatively instead.
        "connect_args": {"timeout": 0, "isolation_level": "IMMEDIATE", "check_same_thread": False},
        "hide_parameters": True,  # no text, no token and no code of an invite in a traceback
    }

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._held_by_others = threading.Event()
        self._writer: Connection | None = None

    @property
    def is_held_by_others(self) -> bool:
        """Whether a write is waiting because another program has locked the database."""
        return self._held_by_others.is_set()

    def claim(self, folder: Path) -> None:
        """Raise CannotStart if another server uses this data folder. The claim ends with the process.

        A server would not receive the messages that another one stores. On Windows and on some file
        systems, there are no locks of this kind, and this does nothing.
        """
        if fcntl is None:
            return
        with suppress(FileNotFoundError, PermissionError):  # `check` explains what is wrong
            handle = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotStart(
                    f"Another chat is running with the data folder {folder.resolve()}. With SQLite, "
                    "only one can use it. Stop the other one, or start this one with a copy of the "
                    "folder (CHAT_DATA_DIR)."
                ) from None
            except OSError:
                os.close(handle)

    def check(self, *, whole: bool = True) -> None:
        """Raise CannotStart if the database is damaged. Read all of it if `whole` is true."""
        damage.check(Path(db.engine.url.database or ""), whole=whole)

    def lock_migrations(self, connection: Connection) -> None:
        """Begin the transaction of a migration, and wait until no other process writes.

        Python's driver does not begin a transaction before a statement such as CREATE TABLE. If the
        process was killed, the database would be left with some of the new tables.
        """
        self._begin(connection, clock.seconds() + MIGRATION_PATIENCE)

    def only_here(self) -> AbstractContextManager[bool]:
        """Yield true, because no other process could be doing the same work."""
        return nullcontext(True)

    def close(self) -> None:
        """Move the write-ahead log into the database, and close all connections that nobody uses.

        If a transaction takes too long or another process reads, the log stays. It is then used at the
        next start, as after a crash.
        """
        if self._writer is not None and self._one_at_a_time.acquire(timeout=CLOSE_PATIENCE):
            connection, self._writer = self._writer, None
            connection.rollback()
            driver = cast(sqlite3.Connection, connection.connection.driver_connection)
            with suppress(sqlite3.Error):  # for example, if the disk is full
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.close()
            self._one_at_a_time.release()
        db.engine.dispose()

    @contextmanager
    def write(self, patience: float, *, alone: bool) -> Iterator[Connection]:
        """Wait until nobody else writes, first in this process and then in others. Then begin.

        What the caller does not commit is rolled back. `alone` makes no difference, because only one
        transaction can write at a time.
        """
        give_up = clock.seconds() + patience
        if not self._one_at_a_time.acquire(timeout=patience):
            raise Busy(faults.BUSY)
        try:
            connection = self._kept()
            connection.rollback()  # an open session may have begun a transaction on it
            connection.begin()
            try:
                self._begin(connection, give_up)
                yield connection
            finally:
                connection.rollback()
        finally:
            self._one_at_a_time.release()

    def mark(self, connection: Connection) -> str:
        """Return "", because there is no connection to a server that could break."""
        return ""

    def has_committed(self, mark: str) -> bool:
        return False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend the writing connection, which has most pages cached, or another one if it is busy."""
        if self._one_at_a_time.acquire(blocking=False):
            try:
                yield self._kept()
            finally:
                self._one_at_a_time.release()
        else:
            with db.engine.connect() as connection:
                yield connection

    def explain(self, problem: BaseException, connection: Connection) -> None:
        """Raise DiskFull or Damaged if that is the cause of the driver's error, or else do nothing."""
        faults.explain(problem, connection.engine)

    def may_try_again(self, problem: Exception, tries: int, since: float) -> bool:
        """Return false, because a transaction never fails here because of another one."""
        return False

    def _begin(self, connection: Connection, give_up: float) -> None:
        """Begin a write transaction as soon as no other process writes."""
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                self._held_by_others.clear()
                return
            except sqlite3.OperationalError as error:
                if not faults.means_busy(error):
                    faults.explain(error, connection.engine)
                    raise
                self._held_by_others.set()
                if clock.seconds() > give_up:
                    raise Busy(faults.BUSY) from error
            clock.pause(TRY_AGAIN)

    def _kept(self) -> Connection:
        """Return the connection that all transactions share. The caller must hold the lock."""
        if self._writer is None:
            self._writer = db.engine.connect()
        return self._writer


def read_slowly(statement: TextClause, values: dict[str, Any]) -> list[Any]:
    """Return the first column of what a statement selects. In the meantime, other requests are handled.

    SQLite would block the process until it has finished, so a thread runs the statement. While it does,
    nothing else uses the connection. Slow statements wait for each other, so that they use at most one
    core, but passwords don't wait for them.
    """
    with _slow, db.engine.connect() as connection:
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        try:
            return run_at_once(lambda: [row[0] for row in driver.execute(str(statement), values)])
        except sqlite3.Error as problem:
            faults.explain(problem, db.engine)
            raise


@event.listens_for(Engine, "handle_error")
def _explain(context: ExceptionContext) -> None:
    """Translate the errors of all statements here, and not in the code that runs them."""
    if context.dialect.name == "sqlite":
        faults.explain(context.original_exception, context.engine)


@event.listens_for(Engine, "connect")
def _prepare(connection: Any, record: object) -> None:
    """Let others read while one connection writes (WAL), and flush every commit to disk."""
    if isinstance(connection, sqlite3.Connection):
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
