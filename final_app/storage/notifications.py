"""Send facts to all processes through PostgreSQL, as notifications that are part of a transaction.

A NOTIFY inside a transaction takes effect when the transaction commits. Every process that listens gets
the notifications of all transactions, including its own, in the order of the commits
(https://www.postgresql.org/docs/current/sql-notify.html). PostgreSQL does not keep notifications for a
process that is not listening. If the connection of a process breaks, the process may have missed facts.
`lost` then closes its sockets, so that the clients connect again and sync.
"""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url

from final_app import facts
from final_app.errors import Busy, Unavailable
from final_app.facts import Fact
from final_app.storage import database
from final_app.storage.leases import Lease
from final_app.storage.models import db
from final_app.storage.postgresql import CONNECTION, SILENCE, Gone, Postgresql

CHANNEL = "chat"
LONGEST = 7_900  # bytes of one notification; PostgreSQL allows fewer than 8,000
NOTIFY = "SELECT pg_notify(%s, %s)"
NOTIFY_ALL = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"

log = logging.getLogger(__name__)


class Notifications:
    """The facts of all processes.

    `listener` is called with each fact. `lost` is called when the connection has broken.
    """

    has_sockets = True  # this makes no difference here: commands and servers both use NOTIFY

    def __init__(
        self, url: str, listener: Callable[[Fact], None], lost: Callable[[], None]
    ) -> None:
        # What shows other processes that this one is alive must not wait for a connection of the pool.
        options = Postgresql.options | {"pool_size": 1, "isolation_level": "AUTOCOMMIT"}
        self._own = create_engine(url, **options)
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._listener, self._lost = listener, lost
        self._line: psycopg.Connection[Any] | None = None
        self._lease = Lease()

    def before_commit(self, connection: Connection, recorded: Iterable[Fact]) -> None:
        """Make the facts notifications of the current transaction. Its commit sends them."""
        # SQLAlchemy would take more time than the statement itself.
        driver: Any = connection.connection.driver_connection
        if payloads := [encoded(fact) for fact in recorded]:
            driver.execute(NOTIFY_ALL, (CHANNEL, payloads))

    def add(self, recorded: Iterable[Fact]) -> None:
        """Do nothing, because the facts come back to this process as notifications."""

    def deliver(self) -> None:
        """Do nothing, because `receive` delivers the facts."""

    def send(self, fact: Fact) -> None:
        """Send a fact that is not stored, such as that somebody is typing."""
        with database.current().read() as connection:
            connection.exec_driver_sql(NOTIFY, (CHANNEL, encoded(fact)))

    def online_elsewhere(self, here: set[int]) -> set[int]:
        """Share who is online in this process, and return who is online in other processes."""
        with self._own.connect() as connection:
            elsewhere, renewed = self._lease.share(connection, here)
            if renewed:  # an empty notification shows every process that its connection works
                connection.exec_driver_sql(NOTIFY, (CHANNEL, ""))
        return elsewhere

    def begin(self) -> None:
        """Start listening. Raises Gone if the database cannot be reached."""
        try:
            options = CONNECTION | {"application_name": "chat listener"}
            self._line = psycopg.connect(self._url, autocommit=True, **options)
            self._line.execute(f"LISTEN {CHANNEL}")
        except psycopg.OperationalError as problem:
            self._line = None
            raise Gone("The chat is waiting for its database.") from problem

    def receive(self) -> None:
        """Deliver facts as they arrive, forever.

        If the connection breaks, open a new one. Raises Gone if this is not possible.
        """
        if self._line is None:
            self._listen_again()
        while True:
            try:
                self._receive()
            except (psycopg.OperationalError, Unavailable) as problem:
                log.warning("The connection to the database broke: %s", type(problem).__name__)
                self._listen_again()

    def _listen_again(self) -> None:
        """Open a new connection, and then close all sockets, because facts may have been missed.

        The process is listening again by then, so clients that connect after that miss nothing.
        """
        if self._line is not None:
            self._line.close()
            self._line = None
        try:
            self.begin()
        finally:
            self._lost()

    def _receive(self) -> None:
        assert self._line is not None
        while True:
            heard = False
            # Each process notifies every 5 s.
            for note in self._line.notifies(timeout=SILENCE, stop_after=1):
                heard = True
                if note.payload:
                    self._deliver(note.payload)
            if not heard:
                raise psycopg.OperationalError("The database has sent nothing for too long.")

    def _deliver(self, payload: str) -> None:
        try:
            self._tell(facts.from_dict(json.loads(payload)))
        except Unavailable:  # the listener could not read what it needs, so the fact is lost
            raise
        except (KeyError, TypeError):
            log.warning("A process with another version of the chat sent an unknown kind of fact")
        except Exception:
            log.exception("Failed to deliver a fact")  # without its content, which is private
        finally:
            if db.session.registry.has():
                db.session.remove()  # otherwise, the next fact would see old rows from the session

    def _tell(self, fact: Fact) -> None:
        """Call the listener. If all connections of the pool are in use, wait, so that no fact is lost.

        A listener reads before it emits, so nothing is emitted twice.
        """
        while True:
            try:
                return self._listener(fact)
            except Busy:
                log.warning("All connections to the database are in use: facts have to wait")


def encoded(fact: Fact) -> str:
    """Return a fact as JSON. If this is too long, the fact contains only a reference to its message."""
    payload = _json(fact)
    return payload if len(payload.encode()) <= LONGEST else _json(facts.shortened(fact))


def _json(fact: Fact) -> str:
    return json.dumps(facts.to_dict(fact), ensure_ascii=False, separators=(",", ":"))
