"""Facts: descriptions of changes to the stored data.

A domain function records facts inside its transaction, and never broadcasts anything itself. After the
commit, `realtime.broadcast` sends the events to the browsers. Facts are plain data, so that a command
can store them in the table `outbox`, where the server finds them.
"""

from dataclasses import asdict, dataclass
from typing import Any, get_args


@dataclass(frozen=True)
class MessagePosted:
    message: dict[str, Any]  # as `chat.messages.to_dict` returns it


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


Fact = (
    MessagePosted | MessageChanged | RoomChanged | MemberAdded | MemberRemoved | MembershipChanged
    | ReadMarkMoved | PersonChanged | PersonGone | SessionEnded
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
