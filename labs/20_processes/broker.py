"""A client manager whose broker is PostgreSQL. python-socketio has a similar one for Redis."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
from socketio import PubSubManager


class PostgresManager(PubSubManager):
    """Passes each emitted event on to the other processes."""

    def __init__(self, url: str) -> None:
        super().__init__(channel="emits")
        self.sender = connected(url)
        self.receiver = listening(url, self.channel)

    def _publish(self, data: dict[str, Any]) -> None:
        """Tell the other processes what this one has just emitted to its own sockets."""
        self.sender.execute("SELECT pg_notify(%s, %s)", (self.channel, json.dumps(data)))

    def _listen(self) -> Iterator[str]:
        """Yield what other processes publish. The base class emits it to this process's sockets."""
        for notification in self.receiver.notifies():
            yield notification.payload


def listening(url: str, channel: str) -> psycopg.Connection[Any]:
    """Return a connection that receives all notifications of a channel from now on."""
    connection = connected(url)
    connection.execute(f"LISTEN {channel}")
    return connection


def connected(url: str) -> psycopg.Connection[Any]:
    """Return a connection that commits each statement at once. SQLAlchemy has its own connections."""
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
