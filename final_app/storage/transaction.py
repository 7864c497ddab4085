"""Transactions: functions whose changes are stored together or not at all.

A transaction has one connection, and `execute` runs statements on it. The ORM's session uses the same
connection. A transaction that does not need the session does not pay for it. How a transaction begins
depends on the database. See `storage.sqlite` and `storage.postgresql`.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast

from flask import current_app, g
from sqlalchemy import Connection

from final_app.errors import Unavailable
from final_app.facts import Fact
from final_app.lib import clock, counts
from final_app.storage import database, outbox
from final_app.storage.files import Files
from final_app.storage.groups import Groups
from final_app.storage.models import db
from final_app.storage.statements import Statement

PATIENCE = 15.0  # seconds to wait for other writers, in this process and in others
READY = "UPDATE alembic_version SET version_num = version_num"  # writes a page, changes nothing

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Transaction:
    """The connection of the current transaction, and what the transaction has recorded so far."""

    connection: Connection
    alone: bool
    facts: list[Fact] = field(default_factory=list)
    unused_files: list[str] = field(default_factory=list)  # the ids of uploads


def transaction(work: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function whose statements form one transaction. Raises Unavailable after PATIENCE.

    The function must not emit events, and must not wait for anything except the database. If it calls
    another decorated function, that function joins the transaction. Return plain data and not rows,
    because rows belong to the transaction. After the commit, and before the decorated function returns,
    unused files are removed and recorded facts are delivered.

    With SQLite, nobody else can write during a transaction. With PostgreSQL, other transactions run at
    the same time. If a decision depends on a row, lock the row first (`with_for_update`). If another
    transaction was faster, the function is run again from the beginning.
    """
    return _decorated(work, alone=False)


def exclusive_transaction(work: Callable[P, T]) -> Callable[P, T]:
    """Like `transaction`, but only one of these runs at a time, in all processes together.

    Use this for rare changes that depend on many rows: those of accounts, invites, rooms and members.
    """
    return _decorated(work, alone=True)


def room_transaction(work: Callable[P, T]) -> Callable[P, T]:
    """Like `transaction`, for a function whose second argument is the id of a room.

    In a busy room, those calls in this process that wait for each other share a transaction.
    """

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if "transaction" in g:
            return work(*args, **kwargs)
        room_id = cast(int, args[1])
        groups = cast(Groups, current_app.extensions["groups"])
        return groups.run(room_id, lambda: work(*args, **kwargs))

    return run


def run_all(pieces: list[Callable[[], Any]]) -> list[Any]:
    """Run several pieces of work in one transaction, and return their results."""
    return transaction(lambda: [work() for work in pieces])()


def record(fact: Fact) -> None:
    """Record a fact in the current transaction. It is delivered after the commit."""
    _current().facts.append(fact)


def remove_files(upload_ids: Iterable[str]) -> None:
    """Remove uploaded files after the commit. Call this in the transaction that deletes their rows."""
    _current().unused_files.extend(upload_ids)


def execute(statement: Statement, **values: Any) -> list[Any]:
    """Run a compiled statement, inside the current transaction if there is one. Return its rows."""
    if db.session.registry.has():
        db.session.flush()  # it may hold changes that are not in the database yet
        return _run(db.session.connection(), statement, values)
    if current := g.get("transaction"):
        return _run(current.connection, statement, values)
    return _until_it_works(lambda: _read(statement, values))


def release_connection() -> None:
    """Return the connection that the session reads with to the pool. Call this before slow work.

    While slow work holds connections, others have to wait for one. Raises RuntimeError in a transaction,
    because a transaction must not wait for anything except the database.
    """
    if "transaction" in g:
        raise RuntimeError("A transaction must not do slow work.")
    _roll_back_session()


def try_to_write(patience: float) -> None:
    """Write to the disk without changing anything. Raises Unavailable after `patience` seconds."""
    _roll_back_session()
    with database.current().write(patience, alone=False) as connection:
        connection.exec_driver_sql(READY)
        connection.commit()


def _decorated(work: Callable[P, T], *, alone: bool) -> Callable[P, T]:
    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if "transaction" in g:
            if alone and not _current().alone:
                raise RuntimeError("The outer transaction must be exclusive, too.")
            return work(*args, **kwargs)
        return _until_it_works(lambda: _in_transaction(lambda: work(*args, **kwargs), alone))

    return run


def _in_transaction(work: Callable[[], T], alone: bool) -> T:
    began = clock.seconds()
    _roll_back_session()  # ends its reads, and returns its connection to the pool
    queue, files = outbox.current(), cast(Files, current_app.extensions["files"])
    with _begun(alone) as current:
        result = work()
        queue.before_commit(current.connection, current.facts)
        if db.session.registry.has():
            db.session.commit()  # ends the session's part; the next line commits
        _commit(current)
        queue.add(current.facts)  # before others can commit: the queue has the order of the commits
        counts.committed(current.facts, clock.seconds() - began)
    if current.unused_files:
        files.remove(current.unused_files)
    queue.deliver()
    return result


def _commit(current: Transaction) -> None:
    """Commit. If the connection breaks, find out whether an exclusive transaction was stored.

    If it was, it must not run again: a second registration would be refused, for example.
    """
    storage = database.current()
    mark = storage.mark(current.connection) if current.alone else ""
    try:
        current.connection.commit()
    except Unavailable:
        if not mark or not storage.has_committed(mark):
            raise


@contextmanager
def _begun(alone: bool) -> Iterator[Transaction]:
    with database.current().write(PATIENCE, alone=alone) as connection:
        g.transaction = Transaction(connection, alone)
        try:
            yield g.transaction
        except BaseException:
            _roll_back_session()
            raise
        finally:
            del g.transaction


def _read(statement: Statement, values: dict[str, Any]) -> list[Any]:
    with database.current().read() as connection:
        return _run(connection, statement, values)


def _run(connection: Connection, statement: Statement, values: dict[str, Any]) -> list[Any]:
    try:
        return statement.run(connection, values)
    except Exception as problem:
        database.current().explain(problem, connection)
        raise


def _until_it_works(attempt: Callable[[], T]) -> T:
    """Repeat an attempt until it succeeds or the database decides that another one is useless."""
    since, tries = clock.seconds(), 1
    while True:
        try:
            return attempt()
        except Exception as problem:
            if not database.current().may_try_again(problem, tries, since):
                raise
        tries += 1


def _current() -> Transaction:
    if "transaction" not in g:
        raise RuntimeError("This works only inside a function with @transaction.")
    return cast(Transaction, g.transaction)


def _roll_back_session() -> None:
    if db.session.registry.has():
        db.session.rollback()
