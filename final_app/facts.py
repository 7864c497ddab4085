"""Facts: descriptions of changes to the stored data, and of typing, which is not stored.

A domain function records facts inside its transaction, and never broadcasts anything itself. After the
commit, `realtime.broadcast` sends the events to the browsers. Facts are plain data, so that they can go
from one process to another: from a command to the server, or with PostgreSQL from each process to all.
"""

from dataclasses import asdict, dataclass
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
    """A member's own view of a room changed, such as the notification level."""

    room_id: int
    user_id: int


@dataclass(frozen=True)
class ReadMarkMoved:
    """A member's last read message changed. `origin` is the socket that reported it."""

    room_id: int
    user_id: int
    counts: dict[str, int]  # unread, mentions, last_read_seq
    origin: str


@dataclass(frozen=True)
class PersonChanged:
    """An account was created or unbanned, or its name or role changed. People's `rev` numbers it."""

    user_id: int
    rev: int = 0


@dataclass(frozen=True)
class PersonGone:
    """An account was banned or deleted."""

    user_id: int
    rev: int = 0


@dataclass(frozen=True)
class SessionEnded:
    """A session ended: `reason` is ended, logged_out, password_changed, banned or deleted."""

    session_id: int
    reason: str


@dataclass(frozen=True)
class Typing:
    """Someone types, or has stopped. `send` delivers it, because no transaction records it."""

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
    """Return {fact: the name of its class, and its fields}."""
    return {"fact": type(fact).__name__} | asdict(fact)


def from_dict(data: dict[str, Any]) -> Fact:
    """Return the fact that `to_dict` returned as `data`. Raises KeyError for an unknown kind of fact."""
    values = dict(data)
    fact: Fact = KINDS[values.pop("fact")](**values)
    return fact


def shortened(fact: Fact) -> Fact:
    """Return a fact whose message is only referred to, as {id, room, rev}, if it has one."""
    if not isinstance(fact, MessagePosted | MessageChanged):
        return fact
    return type(fact)({name: fact.message[name] for name in ("id", "room", "rev")})
