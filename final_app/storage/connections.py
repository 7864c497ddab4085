"""Connections to PostgreSQL: how they wait for a response, and how the pool tests them."""

from typing import Any

import psycopg
from gevent import get_hub, monkey
from gevent.hub import Hub, Waiter
from psycopg.abc import RV, PQGen
from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from final_app.lib import clock

IDLE = 2.0  # seconds without use after which a connection may have died unnoticed


class Connection(psycopg.Connection[Any]):
    """A connection that lets other greenlets run while it waits, and keeps its watchers of the loop.

    The driver itself supports gevent, too, but creates a new poll object and a new timer for each wait.
    """

    _hub: Hub | None = None
    _watchers: dict[int, Any]

    def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
        """Run a generator of the driver until it returns. It yields what it has to wait for.

        If the caller sets an interval or a timeout, the driver waits in its own way.
        """
        if args or options:
            return super().wait(gen, *args, **options)
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send(self._wait_for(wanted))
        except StopIteration as end:
            result: RV = end.value
            return result

    def close(self) -> None:
        self._close_watchers()
        super().close()

    def _wait_for(self, events: Any) -> Any:
        """Wait until the socket is ready to read (1), to write (2) or both (3), and return which.

        The driver and gevent use the same numbers.
        """
        hub = get_hub()
        if hub is not self._hub:
            self._close_watchers()
            self._hub, self._watchers = hub, {}
        watcher = self._watchers.get(events)
        if watcher is None:
            watcher = self._watchers[events] = hub.loop.io(self.pgconn.socket, int(events))
        waiter: Any = Waiter(hub)
        watcher.start(waiter.switch, pass_events=True)
        try:
            return waiter.get()
        finally:
            watcher.stop()

    def _close_watchers(self) -> None:
        if self._hub is not None:
            for watcher in self._watchers.values():
                watcher.close()
            self._hub = None


@event.listens_for(Engine, "do_connect")
def _connect(
    dialect: Dialect, record: ConnectionPoolEntry, args: list[Any], options: dict[str, Any]
) -> Connection | None:
    """In a process with greenlets, connect to PostgreSQL with the class above."""
    if dialect.driver != "psycopg" or not monkey.is_module_patched("select"):
        return None
    return Connection.connect(*args, **options)


@event.listens_for(Pool, "checkout")
def _ping(connection: Any, record: ConnectionPoolEntry, proxy: object) -> None:
    """Test a connection that nobody has used for a while. If it is dead, the pool replaces it.

    SQLAlchemy's own `pool_pre_ping` tests a connection every time it is used, which costs each
    transaction a round trip. Here, a connection is not tested if it was used within the last IDLE
    seconds. If it has died since then, its first statement fails and the transaction is run again.
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
