"""PostgreSQL: several processes write at the same time.

A transaction waits only for those that touch the same rows. If two of them get in each other's way,
PostgreSQL ends one, and it is run again from the beginning. The same happens when the line to the
database breaks, until PATIENCE is over: a restart of the database looks like a pause.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
from psycopg import errors
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from final_app.errors import CannotStart, DiskFull, Unavailable
from final_app.lib import clock
from final_app.storage.models import db

PATIENCE = 10.0  # seconds in which a database that restarts has to be back
TRY_AGAIN = 0.1  # seconds
MOST_TRIES = 5  # of a transaction that collides with others
TURN = 1.0  # seconds
IDLE = 2.0  # seconds without use after which a connection may have died unnoticed
# Keys of advisory locks. They are arbitrary numbers, but the same in every process.
ALONE, MIGRATION, SWEEP = 27_180_001, 27_180_002, 27_180_003

# Another transaction was first, and the next attempt will see what it did.
COLLISIONS = (errors.IntegrityError, errors.SerializationFailure, errors.DeadlockDetected)
GONE = "The chat can't reach its database right now. Nothing was saved; try again."


class Gone(Unavailable):
    """The database server cannot be reached, or it is starting."""

    code, status = "busy", 503


class Postgresql:
    """The database of several processes."""

    is_held_by_others = False

    def __init__(self) -> None:
        self._turns: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)  # by room

    options: ClassVar[dict[str, Any]] = {
        # Six processes need 96 of the 100 connections that a PostgreSQL server allows by default.
        "pool_size": 5,
        "max_overflow": 10,
        "pool_use_lifo": True,
        "connect_args": {
            "connect_timeout": 5,  # seconds
            "application_name": "chat",
            "options": "-c timezone=UTC -c idle_in_transaction_session_timeout=60s",
        },
        "hide_parameters": True,  # no text, no token and no code of an invite in a traceback
    }

    def check(self) -> None:
        """Raise CannotStart if there is no such database, or if it does not know letters."""
        try:
            with db.engine.connect() as connection:
                knows = connection.exec_driver_sql("SELECT 'é' ~ '^[[:alnum:]]$'").scalar()
        except (Gone, DBAPIError) as problem:
            cause = problem.__cause__ or getattr(problem, "orig", problem)
            raise CannotStart(f"The chat can't open its database: {str(cause).strip()}") from None
        if not knows:
            raise CannotStart(
                "Expected a database whose locale knows more letters than ASCII's, for the search. "
                "Create it with: createdb --template=template0 --encoding=UTF8 --locale=C.UTF-8 chat"
            )

    def lock_migrations(self, connection: Connection) -> None:
        """Wait until no other process migrates: several may start at once."""
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION})")

    @contextmanager
    def only_here(self) -> Iterator[bool]:
        """Yield whether no other process does the hourly work; meanwhile, none begins it."""
        with self.read() as connection:  # without a transaction, which could not last so long
            here = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({SWEEP})").scalar()
            try:
                yield bool(here)
            finally:
                if here:
                    connection.exec_driver_sql(f"SELECT pg_advisory_unlock({SWEEP})")

    @contextmanager
    def write(self, patience: float, *, alone: bool) -> Iterator[Connection]:
        """Begin a transaction. What is not committed is rolled back.

        If it is `alone`, it waits until no other of that kind runs in any process.
        """
        with _connection() as connection:
            connection.begin()
            if alone:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ALONE})")
            yield connection

    @contextmanager
    def turn(self, room_id: int) -> Iterator[None]:
        """Wait until no other transaction of this process numbers a message of this room.

        PostgreSQL lets them wait for the row of the room, too, but each wait there costs more than a
        whole statement. This only saves time: whoever has waited for TURN goes on without a turn.
        """
        turn = self._turns[room_id]
        has_turn = turn.acquire(timeout=TURN)
        try:
            yield
        finally:
            if has_turn:
                turn.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with _connection() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def explain(self, problem: BaseException, connection: Connection) -> None:
        """Raise Gone or DiskFull if that is what an error of the driver means."""
        if means_gone(problem):
            connection.invalidate()  # the pool must not lend it again
        _explain_error(problem)

    def may_try_again(self, problem: Exception, tries: int, since: float) -> bool:
        """Return whether a transaction that failed may succeed now; wait a little if that helps.

        `tries` counts the attempts since `since`. If the line broke during a commit, nobody knows
        whether it happened. Trying again is right all the same: a message has its `client_id`, and for
        everything else the worst that can happen is that it is done twice.
        """
        if isinstance(problem, Gone):
            clock.pause(TRY_AGAIN)
            return clock.seconds() < since + PATIENCE
        return tries < MOST_TRIES and isinstance(cause_of(problem), COLLISIONS)


def cause_of(problem: BaseException) -> BaseException:
    """Return the error of the driver, whether or not SQLAlchemy has wrapped it."""
    return getattr(problem, "orig", None) or problem


def _connection() -> Connection:
    try:
        return db.engine.connect()
    except PoolTimeout as problem:  # all others are in use
        raise Gone(GONE) from problem


def means_gone(problem: BaseException) -> bool:
    """Return whether an error of the driver means that there is no connection to the server (any more).

    https://www.postgresql.org/docs/current/errcodes-appendix.html: class 08 is about connections, 57P0x
    about a server that stops or starts, and 53300 means that it has too many connections.
    """
    if not isinstance(problem, psycopg.OperationalError):
        return False
    state = problem.sqlstate
    return state is None or state.startswith(("08", "57P0")) or state == "53300"


def _explain_error(problem: BaseException) -> None:
    if means_gone(problem):
        raise Gone(GONE) from problem
    if isinstance(problem, errors.DiskFull):
        raise DiskFull(
            "The database's disk is full. Nothing was saved; tell whoever runs this chat."
        ) from problem


@event.listens_for(Pool, "checkout")
def _ping(connection: Any, record: ConnectionPoolEntry, proxy: object) -> None:
    """Try a connection that nobody has used for a while; the pool replaces it if it is dead.

    SQLAlchemy's own `pool_pre_ping` tries each connection each time, which costs a round trip for every
    transaction. If a connection dies within IDLE, its first statement fails, and is tried again.
    """
    if not isinstance(connection, psycopg.Connection):
        return
    now = clock.seconds()
    if now - record.info.get("used", now) > IDLE:
        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except psycopg.OperationalError as problem:
            raise DisconnectionError from problem
    record.info["used"] = now


@event.listens_for(Engine, "handle_error")
def _explain(context: ExceptionContext) -> None:
    """Explain the errors of every statement, so that the code that runs it need not know of servers."""
    if context.dialect.name == "postgresql":
        _explain_error(context.original_exception)
