"""PostgreSQL carries the facts: a notification leaves with its transaction.

NOTIFY inside a transaction takes effect at its commit, and every process that listens gets the
notifications of all transactions in the order of their commits, its own included
(https://www.postgresql.org/docs/current/sql-notify.html). Nothing is kept for a process that does not
listen. If its line breaks, it has missed something: `lost` closes its sockets, and the clients connect
again and sync.
"""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from final_app import facts
from final_app.errors import Unavailable
from final_app.facts import Fact
from final_app.storage import database
from final_app.storage.leases import Lease
from final_app.storage.models import db
from final_app.storage.postgresql import Gone

CHANNEL = "chat"
LONGEST = 7_900  # bytes of one notification; PostgreSQL allows 8,000
SILENCE = 15.0  # seconds after which a line counts as broken; each process notifies every 5 s
NOTIFY = "SELECT pg_notify(%s, %s)"

log = logging.getLogger(__name__)


class Notifications:
    """The facts of all processes. `listener` acts on each fact, and `lost` on the loss of the line."""

    has_sockets = True  # a command notifies, as a server does

    def __init__(
        self, url: str, listener: Callable[[Fact], None], lost: Callable[[], None]
    ) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._listener, self._lost = listener, lost
        self._line: psycopg.Connection[Any] | None = None
        self._lease = Lease()

    def before_commit(self, connection: Connection, recorded: Iterable[Fact]) -> None:
        """Let the facts leave with the current transaction."""
        driver: Any = (
            connection.connection.driver_connection
        )  # SQLAlchemy would take longer than it
        for fact in recorded:
            driver.execute(NOTIFY, (CHANNEL, encoded(fact)))

    def add(self, recorded: Iterable[Fact]) -> None:
        """Do nothing: they come back as notifications."""

    def deliver(self) -> None:
        """Do nothing: `receive` delivers."""

    def send(self, fact: Fact) -> None:
        """Deliver a fact that is not stored, such as that somebody types."""
        with database.current().read() as connection:
            connection.exec_driver_sql(NOTIFY, (CHANNEL, encoded(fact)))

    def online_elsewhere(self, here: set[int]) -> set[int]:
        """Tell the other processes who is online here, and return who is online there."""
        with database.current().read() as connection:
            elsewhere, renewed = self._lease.share(connection, here)
            if renewed:  # nobody needs to hear it, but every line has to be heard
                connection.exec_driver_sql(NOTIFY, (CHANNEL, ""))
        return elsewhere

    def begin(self) -> None:
        """Start to listen. Raises Gone if the database cannot be reached."""
        try:
            self._line = psycopg.connect(
                self._url, autocommit=True, application_name="chat listener"
            )
            self._line.execute(f"LISTEN {CHANNEL}")
        except psycopg.OperationalError as problem:
            self._line = None
            raise Gone("The chat waits for its database.") from problem

    def receive(self) -> None:
        """Deliver facts as they come. Raises Gone when the line has broken and there is no new one."""
        if self._line is None:
            self._listen_again()
        while True:
            try:
                self._receive()
            except (psycopg.OperationalError, Unavailable) as problem:
                log.warning("The line to the database has broken: %s", type(problem).__name__)
                self._listen_again()

    def _listen_again(self) -> None:
        """Get a new line, and then close the sockets: who connects after that misses nothing."""
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
            for note in self._line.notifies(timeout=SILENCE, stop_after=1):
                heard = True
                if note.payload:
                    self._deliver(note.payload)
            if not heard:
                raise psycopg.OperationalError("The database has said nothing for too long.")

    def _deliver(self, payload: str) -> None:
        try:
            self._listener(facts.from_dict(json.loads(payload)))
        except Unavailable:  # the listener could not read what it needs: the fact is lost
            raise
        except (KeyError, TypeError):
            log.warning("A process of another version sent a fact that this version does not know")
        except Exception:
            log.exception("Failed to deliver a fact")  # without its content, which people wrote
        finally:
            if db.session.registry.has():
                db.session.remove()  # the next fact must not see what this one has read


def encoded(fact: Fact) -> str:
    """Return a fact as JSON. If that is too long, it only refers to its message."""
    payload = _json(fact)
    return payload if len(payload.encode()) <= LONGEST else _json(facts.shortened(fact))


def _json(fact: Fact) -> str:
    return json.dumps(facts.to_dict(fact), ensure_ascii=False, separators=(",", ":"))
