"""Write transactions: one at a time, without blocking the event loop.

A transaction has one connection. `execute` runs statements on it. The ORM's session joins in when it is
used first, and costs nothing otherwise.
"""

import functools
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast

from flask import current_app, g
from sqlalchemy import Connection

from final_app.errors import Busy
from final_app.facts import Fact
from final_app.lib import clock
from final_app.storage import faults, outbox
from final_app.storage.files import Files
from final_app.storage.models import db
from final_app.storage.statements import Statement

PATIENCE = 15.0  # seconds to wait for other writers, in this process and in others
TRY_AGAIN = 0.05  # seconds
READY = "UPDATE alembic_version SET version_num = version_num"  # writes a page, changes nothing
BUSY = "The database is busy. Nothing was saved; try again."

P = ParamSpec("P")
T = TypeVar("T")

_one_at_a_time = threading.Lock()
_held_by_others = threading.Event()


@dataclass
class Transaction:
    """What the current transaction has recorded so far, and the connection that it uses."""

    connection: Connection
    facts: list[Fact] = field(default_factory=list)
    unused_files: list[str] = field(default_factory=list)  # the ids of uploads


def transaction(work: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function whose statements form one transaction. Raises Busy after PATIENCE.

    The function must not wait, emit or yield. If it calls another decorated function, that one joins the
    transaction. Return plain data, because rows belong to the transaction. After the commit and before
    this returns, unused files are removed and recorded facts are delivered.
    """

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if "transaction" in g:
            return work(*args, **kwargs)
        _roll_back_session()  # ends its reads, and returns its connection to the pool
        queue, files = outbox.current(), cast(Files, current_app.extensions["files"])
        with _turn() as current:
            g.transaction = current
            try:
                result = work(*args, **kwargs)
                queue.before_commit(current.facts)
                if db.session.registry.has():
                    db.session.commit()  # writes what it holds; the next line commits
                current.connection.commit()
            except BaseException:
                _roll_back_session()
                raise
            finally:
                del g.transaction
            queue.add(current.facts)  # under the lock: the queue has the order of the commits
        if current.unused_files:
            files.remove(current.unused_files)
        queue.deliver()
        return result

    return run


def record(fact: Fact) -> None:
    """Record a change of the current transaction. It is delivered after the commit."""
    _current().facts.append(fact)


def remove_files(upload_ids: Iterable[str]) -> None:
    """Remove uploaded files after the commit of the current transaction, which deletes their rows."""
    _current().unused_files.extend(upload_ids)


def execute(statement: Statement, **values: Any) -> list[Any]:
    """Run a compiled statement and return its rows, inside the current transaction if there is one."""
    if db.session.registry.has():
        db.session.flush()  # it may hold changes that are not in the database yet
        return _run(db.session.connection(), statement, values)
    if current := g.get("transaction"):
        return _run(current.connection, statement, values)
    with _to_read() as connection:
        return _run(connection, statement, values)


def try_to_write(patience: float) -> None:
    """Write to the disk without changing anything. Raises Busy after `patience` seconds, or DiskFull."""
    _roll_back_session()
    with _turn(patience) as current:
        current.connection.exec_driver_sql(READY)
        current.connection.commit()


def held_by_others() -> bool:
    """Tell whether a write waits for another program that holds the database."""
    return _held_by_others.is_set()


def _current() -> Transaction:
    if "transaction" not in g:
        raise RuntimeError("This works only inside a function with @transaction.")
    return cast(Transaction, g.transaction)


def _run(connection: Connection, statement: Statement, values: dict[str, Any]) -> list[Any]:
    try:
        return statement.run(_driver(connection), values)
    except sqlite3.Error as problem:
        faults.explain(problem, connection.engine)
        raise


def _roll_back_session() -> None:
    if db.session.registry.has():
        db.session.rollback()


@contextmanager
def _turn(patience: float = PATIENCE) -> Iterator[Transaction]:
    """Wait until nobody else writes, first in this process and then in others, and begin.

    What is not committed is rolled back.
    """
    give_up = clock.seconds() + patience
    if not _one_at_a_time.acquire(timeout=patience):
        raise Busy(BUSY)
    try:
        connection = _kept_connection()
        connection.rollback()  # a session that is still open may have begun on it
        connection.begin()
        try:
            _begin(connection, give_up)
            yield Transaction(connection)
        finally:
            connection.rollback()
    finally:
        _one_at_a_time.release()


def _begin(connection: Connection, give_up: float) -> None:
    """Begin a write transaction as soon as no other process writes."""
    while True:
        try:
            _driver(connection).execute("BEGIN IMMEDIATE")
            _held_by_others.clear()
            return
        except sqlite3.OperationalError as error:
            if not faults.means_busy(error):
                faults.explain(error, connection.engine)
                raise
            _held_by_others.set()
            if clock.seconds() > give_up:
                raise Busy(BUSY) from error
        clock.pause(TRY_AGAIN)


@contextmanager
def _to_read() -> Iterator[Connection]:
    """Lend the connection that writes, which knows most pages, or another one while it does."""
    if _one_at_a_time.acquire(blocking=False):
        try:
            yield _kept_connection()
        finally:
            _one_at_a_time.release()
    else:
        with db.engine.connect() as connection:
            yield connection


def _kept_connection() -> Connection:
    """Return the connection of this application's transactions. The lock must be held."""
    kept: Connection | None = current_app.extensions.get("writer")
    if kept is None:
        kept = current_app.extensions["writer"] = db.engine.connect()
    return kept


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)
