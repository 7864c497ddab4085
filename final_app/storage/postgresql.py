"""PostgreSQL, where several processes write at the same time.

A transaction waits only for transactions that change the same rows. If two transactions conflict,
PostgreSQL ends one of them, and the chat runs it again from the beginning. The chat also runs a
transaction again when the connection to the database breaks, until PATIENCE is over. If the database
restarts, users only notice a pause.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg import errors
from sqlalchemy import Connection, Engine, event, insert, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from final_app.errors import CannotStart, Invalid, Unavailable
from final_app.lib import clock
from final_app.storage import connections, faults  # noqa: F401  # how connections are made
from final_app.storage.models import OutboxEntry, db, table

PATIENCE = 10.0  # seconds that a database has to come back after a restart
TRY_AGAIN = 0.1  # seconds between two attempts
SILENCE = 15  # seconds after which each side of a connection counts the other one as lost
MOST_TRIES = 5  # attempts to run a transaction that conflicts with others
# How a connection is made, see https://www.postgresql.org/docs/current/libpq-connect.html. Without these
# limits, a process whose network has failed would wait for a quarter of an hour, and PostgreSQL would
# keep its connections for two hours. Other processes wait for the locks of a transaction, so its time
# without statements has a shorter limit.
CONNECTION: dict[str, Any] = {
    "connect_timeout": 5,  # seconds, as all the others except tcp_user_timeout
    "tcp_user_timeout": SILENCE * 1000,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "application_name": "chat",
    "options": "-c timezone=UTC -c idle_in_transaction_session_timeout=5s "
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2 "
    f"-c tcp_user_timeout={SILENCE * 1000}",
}
# Keys of advisory locks. They are arbitrary numbers, but the same in every process.
ALONE, MIGRATION, SWEEP = 27_180_001, 27_180_002, 27_180_003

# These errors mean that another transaction was first. The next attempt sees what that one stored.
COLLISIONS = (
    errors.IntegrityError,
    errors.SerializationFailure,
    errors.DeadlockDetected,
    StaleDataError,  # a row that this transaction has read is gone
)
GONE = "The chat can't reach its database right now. Nothing was saved; try again."

_outbox = table(OutboxEntry)


class Gone(Unavailable):
    """The database server cannot be reached, or it is still starting."""

    code, status = "busy", 503


class Postgresql:
    """A database that several processes share."""

    is_held_by_others = False

    options: ClassVar[dict[str, Any]] = {
        "poolclass": faults.Pool,
        "pool_timeout": faults.PATIENCE,
        # `storage.notifications` opens two more. Six processes then need 96 of the 100 connections that
        # a PostgreSQL server allows by default. The pool keeps them open: a new one costs more than many
        # messages.
        "pool_size": 14,
        "max_overflow": 0,
        "pool_use_lifo": True,
        "connect_args": CONNECTION,
        "hide_parameters": True,  # no text, no token and no code of an invite in a traceback
    }

    def claim(self, folder: Path) -> None:
        """Do nothing, because several processes can share a data folder."""

    def check(self, *, whole: bool = True) -> None:
        """Raise CannotStart if the database cannot be opened or has an unsuitable locale.

        The search needs a locale that recognizes letters outside ASCII.
        """
        try:
            with db.engine.connect() as connection:
                knows = connection.exec_driver_sql("SELECT 'é' ~ '^[[:alnum:]]$'").scalar()
        except (Gone, DBAPIError) as problem:
            cause = problem.__cause__ or getattr(problem, "orig", problem)
            why = " ".join(str(cause).split())
            raise CannotStart(f"The chat can't open its database: {why}") from None
        if not knows:
            raise CannotStart(
                "Expected a database whose locale recognizes letters outside ASCII, for the search. "
                "Create it with: createdb --template=template0 --encoding=UTF8 --locale=C.UTF-8 chat"
            )

    def lock_migrations(self, connection: Connection) -> None:
        """Wait until no other process migrates the database. Several may start at the same time."""
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION})")

    def close(self) -> None:
        """Close all connections that nobody uses. The others end together with the process."""
        db.engine.dispose()

    @contextmanager
    def only_here(self) -> Iterator[bool]:
        """Yield true if this process can do the hourly work, or false if another one is doing it.

        While this process does the work, no other process begins it.
        """
        with self.read() as connection:  # not a transaction, which would time out
            here = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({SWEEP})").scalar()
            try:
                yield bool(here)
            finally:
                if here:
                    connection.exec_driver_sql(f"SELECT pg_advisory_unlock({SWEEP})")

    @contextmanager
    def write(self, patience: float, *, alone: bool) -> Iterator[Connection]:
        """Begin a transaction. What the caller does not commit is rolled back.

        If `alone` is true, wait until no other transaction of this kind runs in any process.
        """
        with db.engine.connect() as connection:
            connection.begin()
            if alone:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ALONE})")
            yield connection

    def mark(self, connection: Connection) -> str:
        """Store a random word in the current transaction, for `has_committed`. The sweep removes it."""
        mark = clock.token()
        connection.execute(insert(_outbox).values(fact=mark, created_at=clock.now()))
        return mark

    def has_committed(self, mark: str) -> bool:
        """Return whether a transaction that ran alone was committed although its connection broke.

        This waits for the database for up to PATIENCE, and until that transaction has ended. If the
        database does not come back, nobody knows. The id of the transaction would not be enough: after a
        crash, PostgreSQL can give it to another one.
        """
        until = clock.seconds() + PATIENCE
        while clock.seconds() < until:
            clock.pause(TRY_AGAIN)
            with suppress(Gone), self.write(PATIENCE, alone=True) as connection:
                marked = select(_outbox.c.id).where(_outbox.c.fact == mark)
                return connection.execute(marked).scalar() is not None
        return False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with db.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def explain(self, problem: BaseException, connection: Connection) -> None:
        """Raise Gone, DiskFull or Invalid if that is the cause of the error. Otherwise, do nothing."""
        if means_gone(problem):
            connection.invalidate()  # the pool must not lend it again
        _explain_error(problem)

    def may_try_again(self, problem: Exception, tries: int, since: float) -> bool:
        """Return whether a failed transaction may succeed if it is run again.

        `tries` is the number of attempts since the time `since`. If the database cannot be reached, this
        waits a little. If the connection broke during a commit, the commit may have succeeded. Exclusive
        transactions find out (see `has_committed`). For all others, running the transaction again is
        right: a message is not stored twice, because it has a `client_id`, and the rest can be done
        twice.
        """
        if isinstance(problem, Gone):
            clock.pause(TRY_AGAIN)
            return clock.seconds() < since + PATIENCE
        return tries < MOST_TRIES and isinstance(cause_of(problem), COLLISIONS)


def cause_of(problem: BaseException) -> BaseException:
    """Return the error from the driver, whether or not SQLAlchemy has wrapped it."""
    return getattr(problem, "orig", None) or problem


def means_gone(problem: BaseException) -> bool:
    """Return whether an error from the driver means that the connection to the server failed.

    Class 08 contains the connection errors. 57P0x means that the server is stopping or starting, and
    53300 means that it has too many connections. See
    https://www.postgresql.org/docs/current/errcodes-appendix.html. If this process is paused in a
    transaction, the server closes the connection.
    """
    if isinstance(problem, errors.IdleInTransactionSessionTimeout):
        return True
    if not isinstance(problem, psycopg.OperationalError):
        return False
    state = problem.sqlstate
    return state is None or state.startswith(("08", "57P0")) or state == "53300"


def _explain_error(problem: BaseException) -> None:
    if means_gone(problem):
        raise Gone(GONE) from problem
    if isinstance(problem, errors.DiskFull):
        raise faults.disk_full("PostgreSQL's data folder") from problem
    if isinstance(problem, psycopg.DataError) and problem.sqlstate is None:
        # The error is the driver's own, so the value cannot be sent to the server. Users can cause this
        # only with NUL, because other values are checked before.
        raise Invalid("This contains the character NUL, which the chat can't store.") from problem


@event.listens_for(Engine, "handle_error")
def _explain(context: ExceptionContext) -> None:
    """Translate the errors of all statements here, and not in the code that runs them."""
    if context.dialect.name == "postgresql":
        _explain_error(context.original_exception)
