"""Write transactions: one at a time, without blocking the event loop."""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import OperationalError

from final_app.errors import Busy
from final_app.facts import Fact
from final_app.lib import clock
from final_app.storage import outbox
from final_app.storage.models import db

PATIENCE = 15.0  # seconds to wait for other writers, in this process and in others
TRY_AGAIN = 0.05  # seconds
BUSY = "The database is busy. Nothing was saved; try again."

P = ParamSpec("P")
T = TypeVar("T")

_one_at_a_time = threading.Lock()


def transaction(work: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function whose statements form one transaction. Raises Busy after PATIENCE.

    The function must not wait, emit or yield. If it calls another decorated function, that one joins the
    transaction. Return plain data, because rows belong to the transaction. Recorded facts are delivered
    after the commit, before this returns.
    """

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if "facts" in db.session.info:
            return work(*args, **kwargs)
        db.session.rollback()  # ends the read transaction and returns its connection to the pool
        facts: list[Fact] = []
        queue = outbox.current()
        with _turn():
            db.session.info["facts"] = facts
            try:
                result = work(*args, **kwargs)
                queue.before_commit(facts)
                db.session.commit()
            except BaseException:
                db.session.rollback()
                raise
            finally:
                del db.session.info["facts"]
            queue.add(facts)  # under the lock: the queue has the order of the commits
        queue.deliver()
        return result

    return run


def record(fact: Fact) -> None:
    """Record a change of the current transaction. It is delivered after the commit."""
    if "facts" not in db.session.info:
        raise RuntimeError(f"{fact} was recorded outside a function with @transaction.")
    db.session.info["facts"].append(fact)


@contextmanager
def _turn() -> Iterator[None]:
    """Wait until nobody else writes, first in this process and then in others."""
    give_up = clock.seconds() + PATIENCE
    if not _one_at_a_time.acquire(timeout=PATIENCE):
        raise Busy(BUSY)
    try:
        _begin(give_up)
        yield
    finally:
        _one_at_a_time.release()


def _begin(give_up: float) -> None:
    """Begin a write transaction as soon as no other process writes."""
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
