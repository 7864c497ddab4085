"""Presence: the open sockets of this process, and who is online here or in another process.

Nothing here is stored. A person is online while at least one of their sockets is open, and for GRACE
after the last one has closed. Without this period, a person who reloads the page or opens another room
would go offline for a moment.
"""

import threading
from collections.abc import Set
from typing import Any, NamedTuple

from final_app.lib import clock

EVERY = 1.0  # seconds between two announcements of who has come online and who has gone offline
GRACE = 10.0  # seconds without a socket after which a person goes offline


class Socket(NamedTuple):
    """An open connection: the user that it belongs to, and the session that opened it."""

    user_id: int
    session_id: int


class Presence:
    """The open sockets of this process, and the people who are online.

    The lock `telling` is held while the server tells one socket or everybody who is online.
    """

    def __init__(self) -> None:
        self.telling = threading.Lock()
        self._lock = threading.Lock()
        self._sockets: dict[str, Socket] = {}
        self._sids: dict[int, set[str]] = {}  # by user
        self._left: dict[int, float] = {}  # user id → when the last socket closed
        self._told: set[int] = set()  # the users who were online at the last announcement
        self._online: tuple[int, ...] = ()  # the same users, sorted

    def connect(self, sid: str, session_id: int, user_id: int) -> None:
        with self._lock:
            self._sockets[sid] = Socket(user_id, session_id)
            self._sids.setdefault(user_id, set()).add(sid)
            self._left.pop(user_id, None)

    def disconnect(self, sid: str) -> None:
        """Remove a socket. Do nothing if it is unknown."""
        with self._lock:
            socket = self._sockets.pop(sid, None)
            if socket is None:
                return
            others = self._sids[socket.user_id]
            others.discard(sid)
            if not others:
                del self._sids[socket.user_id]
                self._left[socket.user_id] = clock.seconds()

    def sids(self) -> set[str]:
        return set(self._sockets)

    def user_ids(self) -> set[int]:
        """Return the users who have an open socket."""
        return set(self._sids)

    def sids_of(self, user_id: int) -> list[str]:
        """Return the open sockets of a user."""
        return list(self._sids.get(user_id, ()))

    def session_of(self, sid: str) -> int | None:
        """Return the id of the session that opened a socket, or None if it has closed."""
        socket = self._sockets.get(sid)
        return socket.session_id if socket else None

    def sids_of_session(self, session_id: int) -> list[str]:
        """Return the open sockets of one session."""
        with self._lock:
            return [sid for sid, each in self._sockets.items() if each.session_id == session_id]

    def online(self) -> tuple[int, ...]:
        """Return the ids of all users who were online at the last announcement."""
        return self._online

    def with_online(self, persons: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return these people, each with the field `online`."""
        return [each | {"online": each["id"] in self._told} for each in persons]

    def present(self) -> set[int]:
        """Return the ids of the users who are online in this process."""
        with self._lock:
            now = clock.seconds()
            self._left = {user: left for user, left in self._left.items() if now - left < GRACE}
            return self._sids.keys() | (self._left.keys() & self._told)

    def changes(self, elsewhere: Set[int] = frozenset()) -> tuple[list[int], list[int]]:
        """Return who has come online and who has gone offline since the last call.

        `elsewhere` contains the users who are online in other processes. The caller announces the
        changes, so the next call does not return them again.
        """
        here = self.present() | elsewhere
        with self._lock:
            came, went = sorted(here - self._told), sorted(self._told - here)
            if came or went:
                self._told, self._online = here, tuple(sorted(here))
            return came, went
