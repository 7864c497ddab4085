"""Facts describe changes to the stored data. One kind of fact describes typing, which is not stored.

A domain function records facts inside its transaction, and never broadcasts anything itself. After the
commit, `realtime.broadcast` sends the events to the browsers. Facts are plain data, so that one process
can send them to another: a command to the server or, with PostgreSQL, each process to all processes.
"""

from dataclasses import dataclass
from typing import Any, get_args


@dataclass(frozen=True)
class MessagePosted:
    """`message` is as `chat.messages.to_dict` returns it, or {id, room, rev} (see `shortened`)."""

    message: dict[str, Any]


@dataclass(frozen=True)
class MessageChanged:
    """A message was edited or deleted, or its reactions changed."""

    message: dict[str, Any]


@dataclass(frozen=True)
class RoomChanged:
    """A room was created, renamed, archived or unarchived, or its members changed."""

    room_id: int


@dataclass(frozen=True)
class MemberAdded:
    room_id: int
    user_id: int


@dataclass(frozen=True)
class MemberRemoved:
    room_id: int
    user_id: int


@dataclass(frozen=True)
class MembershipChanged:
    """Something in a room changed for one member only, such as the notification level."""

    room_id: int
    user_id: int


@dataclass(frozen=True)
class ReadMarkMoved:
    """The last message that a member has read changed. `origin` is the socket that reported this."""

    room_id: int
    user_id: int
    counts: dict[str, int]  # see `memberships.COUNTS`
    origin: str


@dataclass(frozen=True)
class PersonChanged:
    """An account was created or unbanned, or its name or role changed.

    `rev` is the number of this change. All changes to people are numbered in one sequence.
    """

    user_id: int
    rev: int = 0


@dataclass(frozen=True)
class PersonGone:
    """An account was banned or deleted."""

    user_id: int
    rev: int = 0


@dataclass(frozen=True)
class SessionEnded:
    """A session ended. `reason` is ended, logged_out, password_changed, banned or deleted."""

    session_id: int
    reason: str


@dataclass(frozen=True)
class Typing:
    """Someone is typing or has stopped. No transaction records this fact, so `send` delivers it."""

    room_id: int
    user_id: int
    name: str
    on: bool


Fact = (
    MessagePosted | MessageChanged | RoomChanged | MemberAdded | MemberRemoved | MembershipChanged
    | ReadMarkMoved | PersonChanged | PersonGone | SessionEnded | Typing
)  # fmt: skip
KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(Fact)}


def to_dict(fact: Fact) -> dict[str, Any]:
    """Return a dictionary with the fields of the fact, and the name of its class as `fact`."""
    return {"fact": type(fact).__name__} | vars(fact)


def from_dict(data: dict[str, Any]) -> Fact:
    """Turn the result of `to_dict` back into a fact. Raises KeyError for an unknown kind of fact."""
    values = dict(data)
    fact: Fact = KINDS[values.pop("fact")](**values)
    return fact


def shortened(fact: Fact) -> Fact:
    """Return a shorter form of the fact: if it contains a message, only {id, room, rev} is kept."""
    if not isinstance(fact, MessagePosted | MessageChanged):
        return fact
    return type(fact)({name: fact.message[name] for name in ("id", "room", "rev")})
