"""The outbox delivers recorded facts to their listeners after the commit.

With SQLite, the server has a queue in memory, which is in the order of the commits. A command has no
sockets. It stores its facts in the table `outbox`, in the same transaction, and the server reads that
table. With PostgreSQL, the database itself delivers all facts. See `storage.notifications`.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol, cast

from flask import current_app
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.engine import make_url

from final_app import facts
from final_app.facts import Fact
from final_app.lib import clock
from final_app.storage.models import OutboxEntry, db

POLL = 2.0  # seconds between two reads of the table
KEPT = timedelta(hours=1)  # how long entries stay in the table; the server reads them much earlier

log = logging.getLogger(__name__)


class Carrier(Protocol):
    """Carries facts from transactions to the processes whose sockets need them."""

    has_sockets: bool  # false in a command

    def before_commit(self, connection: Connection, recorded: Iterable[Fact]) -> None: ...

    def add(self, recorded: Iterable[Fact]) -> None: ...

    def deliver(self) -> None: ...

    def send(self, fact: Fact) -> None: ...

    def online_elsewhere(self, here: set[int]) -> set[int]: ...

    def begin(self) -> None: ...

    def receive(self) -> None: ...


def current() -> Carrier:
    return cast(Carrier, current_app.extensions["outbox"])


def at(url: str, listener: Callable[[Fact], None], lost: Callable[[], None]) -> Carrier:
    """Return the carrier for the database at `url`.

    The carrier calls `listener` with each fact, and `lost` when this process may have missed facts.
    """
    if make_url(url).get_backend_name() == "sqlite":
        return Outbox(listener)
    from final_app.storage.notifications import Notifications

    return Notifications(url, listener, lost)


class Outbox:
    """The queue of the only process that has sockets. It calls `listener` with each fact."""

    def __init__(self, listener: Callable[[Fact], None]) -> None:
        self.has_sockets = True
        self._listener = listener
        self._queue: deque[Fact] = deque()
        self._lock = threading.RLock()
        self._delivering = False
        self._last_read = 0  # id in the table

    def before_commit(self, connection: Connection, recorded: Iterable[Fact]) -> None:
        """In a command, store the facts for the server, inside the current transaction."""
        if self.has_sockets:
            return
        for fact in recorded:
            entry = OutboxEntry(fact=json.dumps(facts.to_dict(fact)), created_at=clock.now())
            db.session.add(entry)

    def add(self, recorded: Iterable[Fact]) -> None:
        """In the server, queue the facts of a committed transaction."""
        if self.has_sockets:
            self._queue.extend(recorded)

    def deliver(self) -> None:
        """Deliver all queued facts in order, and return when the queue is empty.

        A listener can cause another fact, and so call this function again. The outer call then delivers
        that fact. If a listener fails, the error is logged and the next fact is delivered.
        """
        with self._lock:
            if self._delivering:
                return
            self._delivering = True
            try:
                while self._queue:
                    self._deliver_one(self._queue.popleft())
            finally:
                self._delivering = False

    def send(self, fact: Fact) -> None:
        """Deliver a fact that is not stored, such as that somebody is typing."""
        self.add([fact])
        self.deliver()

    def online_elsewhere(self, here: set[int]) -> set[int]:
        """Return an empty set, because no other process has sockets."""
        return set()

    def begin(self) -> None:
        """Skip the facts that commands stored before this server started.

        No socket is open yet, and every page gets the current state when it connects.
        """
        self._last_read = db.session.scalar(select(func.max(OutboxEntry.id))) or 0

    def receive(self) -> None:
        """Deliver the facts that commands have stored since the last call.

        A background task calls this every POLL seconds.
        """
        unread = select(OutboxEntry).where(OutboxEntry.id > self._last_read)
        for entry in db.session.scalars(unread.order_by(OutboxEntry.id)):
            self._last_read = entry.id
            try:
                self._queue.append(facts.from_dict(json.loads(entry.fact)))
            except (KeyError, TypeError):  # a command of another version stored it
                log.warning("This version of the chat does not know the fact number %s", entry.id)
        self.deliver()

    def _deliver_one(self, fact: Fact) -> None:
        try:
            self._listener(fact)
        except Exception:
            log.exception("Failed to deliver %s", type(fact).__name__)  # its content is private


def remove_old() -> int:
    """Remove old entries inside the caller's transaction. Return how many were removed."""
    old = delete(OutboxEntry).where(OutboxEntry.created_at < clock.now() - KEPT)
    return len(list(db.session.scalars(old.returning(OutboxEntry.id))))
