"""Memberships: who is in which room, how each member sees the room, and the unread counts."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Select, and_, bindparam, case, cast, func, select

from final_app.chat import people
from final_app.errors import Conflict, Forbidden, Invalid, NotFound
from final_app.facts import MembershipChanged, ReadMarkMoved
from final_app.storage.models import Membership, Mention, Message, Room, User, db, table
from final_app.storage.statements import Statement, json_each
from final_app.storage.transaction import execute, record, transaction

NOTIFY = ("all", "mentions", "none")
COUNTS = ("unread", "mentions", "last_read_seq", "last_seq", "last_rev")
NOT_THERE = "There is no such room, or you are not in it."
ARCHIVED = "This room is archived. You can read it, but you can't send messages."
MOST_ROOMS = 500  # of one person; each page of theirs gets the whole list when it connects
COUNTED = 100  # unread messages; clients show this number as "99+"


def _view() -> Select[Any]:
    """Return the statement that selects rooms as their members see them, without the unread counts.

    A direct room includes the other person. The statement runs for every socket that connects. To make
    this fast, it is built only once, and from tables instead of classes.
    """
    theirs, other = _mine.alias(), _users.alias()
    # NULL finds nothing in the index. With a separate condition, SQLite would read all members first.
    direct = case((_rooms.c.kind == "direct", _rooms.c.id))
    is_other = and_(theirs.c.room_id == direct, theirs.c.user_id != _mine.c.user_id)
    return (
        select(
            *_rooms.c,
            _mine.c.user_id,
            _mine.c.last_read_seq,
            _mine.c.notify,
            _mine.c.role.label("own_role"),
            _users.c.role.label("user_role"),
            *(other.c[name].label(f"other_{name}") for name in ("id", "username", "name", "role")),
        )
        .join_from(_mine, _rooms, _rooms.c.id == _mine.c.room_id)
        .join(_users, _users.c.id == _mine.c.user_id)
        .outerjoin(theirs, is_other)
        .outerjoin(other, other.c.id == theirs.c.user_id)
    )


def _counted(view: Select[Any]) -> Select[Any]:
    """Add the unread counts. Only the last COUNTED messages of each room are checked."""
    read, checked = _mine.c.last_read_seq, _rooms.c.last_seq - COUNTED
    fresh = and_(
        _messages.c.room_id == _mine.c.room_id,
        # With two conditions, SQLite would look up only the first one in the index.
        _messages.c.seq > case((read > checked, read), else_=checked),
        _messages.c.author_id != _mine.c.user_id,
        _messages.c.deleted_at.is_(None),
    )
    named = and_(_mentions.c.message_id == _messages.c.id, _mentions.c.user_id == _mine.c.user_id)
    count = select(func.count()).select_from(_messages).where(fresh).correlate(_rooms, _mine)
    return view.add_columns(
        count.scalar_subquery().label("unread"),
        count.join(_mentions, named).scalar_subquery().label("mentions"),
    )


_mine, _rooms, _users, _messages, _mentions = (
    table(model) for model in (Membership, Room, User, Message, Mention)
)
_VIEW = _view()
_of_user, _in_room = _mine.c.user_id == bindparam("user"), _mine.c.room_id == bindparam("room")
_some = json_each(bindparam("some")).table_valued("value")
_of_some = _mine.c.user_id.in_(select(cast(_some.c.value, Integer)))
_BY_USER = Statement(_counted(_VIEW).where(_of_user))
_BY_BOTH = Statement(_counted(_VIEW).where(_of_user, _in_room))
_LIST = Statement(_VIEW.where(_of_user))
_BY_ROOM = Statement(_VIEW.where(_in_room, _of_some))
_IDS = Statement(select(_mine.c.room_id).where(_of_user))
_IS_MEMBER = Statement(select(_mine.c.room_id).where(_of_user, _in_room))
_REVS = Statement(
    select(_rooms.c.id, _rooms.c.last_rev)
    .join_from(_mine, _rooms, _rooms.c.id == _mine.c.room_id)
    .where(_of_user)
)
_GONE = Statement(
    select(_users.c.name)
    .join_from(_mine, _users, _users.c.id == _mine.c.user_id)
    .where(_in_room, _users.c.status != "active")
)


def of(user_id: int) -> list[dict[str, Any]]:
    """Return all rooms of a user as that user sees them, sorted by name, with direct rooms last."""
    return _by_name(_views(_BY_USER, user=user_id))


def one(user_id: int, room_id: int) -> dict[str, Any]:
    """Return one room as this member sees it. Raises NotFound if the user is not a member."""
    for room in _views(_BY_BOTH, user=user_id, room=room_id):
        return room
    raise NotFound(NOT_THERE)


def seen_by(user_ids: Iterable[int], room_id: int) -> dict[int, dict[str, Any]]:
    """Return {user id: the room as this member sees it} for those of these users who are members.

    The unread counts are left out, because counting takes most of the time.
    """
    rows = execute(_BY_ROOM, room=room_id, some=json.dumps(list(user_ids)))
    return {row.user_id: _to_dict(row) for row in rows}


def to_return_to(user_id: int, visited: Sequence[str]) -> dict[str, Any] | None:
    """Return the room to open when a user comes to the chat, or None if there is none.

    This is the first room in `visited` that the user is in and that is not archived. `visited` contains
    room ids, which the browser stores. If it is empty, try the room in which the user last wrote. If
    that room is not possible either, choose the first room by name.
    """
    seen = _by_name(_to_dict(row) for row in execute(_LIST, user=user_id))
    rooms = {str(room["id"]): room for room in seen if not room["archived"]}
    newest_first = select(Message.room_id).filter_by(author_id=user_id).order_by(Message.id.desc())
    visited = visited or [str(db.session.scalar(newest_first.limit(1)))]
    return next((rooms[each] for each in [*visited, *rooms] if each in rooms), None)


def by_slug(user_id: int, slug: str) -> dict[str, Any]:
    """Return one room by its slug. Raises NotFound if the user is not a member."""
    room_id = db.session.scalar(select(Room.id).where(Room.slug == slug))
    return one(user_id, room_id or 0)


def ids_of(user_id: int) -> set[int]:
    """Return the ids of all rooms of a user."""
    return {row.room_id for row in execute(_IDS, user=user_id)}


def last_revs(user_id: int) -> dict[int, int]:
    """Return {room id: the number of the last change} for all rooms of a user."""
    return {row.id: row.last_rev for row in execute(_REVS, user=user_id)}


def check(user_id: int, room_id: int) -> None:
    """Raise NotFound if the user is not a member. This is much cheaper than `get`."""
    if not execute(_IS_MEMBER, user=user_id, room=room_id):
        raise NotFound(NOT_THERE)


def members(user_id: int, room_id: int) -> list[dict[str, Any]]:
    """Return the members of a room, sorted by name, each with `room_role`. Raises NotFound."""
    get(user_id, room_id)
    rows = db.session.execute(
        select(User, Membership.role)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.room_id == room_id)
        .order_by(func.lower(User.name))
    )
    return [people.to_dict(user) | {"room_role": role} for user, role in rows]


def open_to(user_id: int) -> list[dict[str, Any]]:
    """Return the open rooms that the user is not in, each as {id, slug, name}."""
    rows = db.session.scalars(
        select(Room)
        .where(Room.kind == "open", Room.archived_at.is_(None), Room.id.not_in(ids_of(user_id)))
        .order_by(func.lower(Room.name))
    )
    return [{"id": room.id, "slug": room.slug, "name": room.name} for room in rows]


def get(user_id: int, room_id: int, *, lock: bool = False) -> Membership:
    """Return a user's membership. Raises NotFound if there is none, even if the room exists.

    With `lock`, nobody else can change it until the end of the transaction.
    """
    found = db.session.get(Membership, (room_id, user_id), with_for_update=lock or None)
    if found is None:
        raise NotFound(NOT_THERE)
    return found


def check_writable(user_id: int, room_id: int, *, lock: bool = False) -> None:
    """Raise NotFound if the user is not a member, and Forbidden if the room is archived.

    With `lock`, nobody else can change the room or its messages until the end of the transaction.
    """
    locked = {"key_share": True} if lock else None
    room = db.session.get(Room, room_id, with_for_update=locked)
    get(user_id, room_id)
    refuse_unless(True, room.archived_at if room else None)


def refuse_unless(is_member: bool, archived_at: datetime | None) -> None:
    """Do the same as `check_writable` for a caller that has already read both values."""
    if not is_member:
        raise NotFound(NOT_THERE)
    if archived_at:
        raise Forbidden(ARCHIVED)


def refuse_if_full(user_id: int) -> None:
    """Raise Conflict if the user cannot be in one more room."""
    if len(ids_of(user_id)) >= MOST_ROOMS:
        name = people.get_active(user_id).name
        raise Conflict(f"{name} is already in {MOST_ROOMS} rooms. Nobody can be in more.")


def full_ids() -> set[int]:
    """Return the ids of all users who cannot be in one more room."""
    counted = select(Membership.user_id).group_by(Membership.user_id)
    return set(db.session.scalars(counted.having(func.count() >= MOST_ROOMS)))


def refuse_if_gone(room_id: int) -> None:
    """Raise Forbidden if a person in a direct room was banned or deleted, and so cannot read it."""
    for person in execute(_GONE, room=room_id):
        raise Forbidden(f"{person.name} can no longer read messages here.")


def can_moderate(user_id: int, room_id: int) -> bool:
    """Return whether a member can moderate a room, as its owner or as an administrator."""
    is_owner = get(user_id, room_id).role == "owner"
    return is_owner or db.session.get_one(User, user_id).role == "admin"


@transaction
def set_notify(user_id: int, room_id: int, level: str) -> None:
    """Set which messages the user is notified about: all, only mentions or none."""
    if level not in NOTIFY:
        raise Invalid(f"Expected one of {', '.join(NOTIFY)}; got {level[:20]!r}.", field="level")
    get(user_id, room_id).notify = level
    record(MembershipChanged(room_id, user_id))


@transaction
def mark_read(user_id: int, room_id: int, seq: int, origin: str = "") -> dict[str, int]:
    """Store the last message that the user has read. With a lower `seq`, later messages become unread.

    Returns COUNTS. They include the messages up to `last_seq` and the changes up to `last_rev`. With
    several processes, the events about these can arrive later. `origin` is the socket that reported the
    change. The change is sent only to the user's other sockets.
    """
    mine = get(user_id, room_id, lock=True)
    last = db.session.scalar(select(Room.last_seq).where(Room.id == room_id)) or 0
    mine.last_read_seq = min(seq, last)
    db.session.flush()
    room = one(user_id, room_id)
    counts = {key: room[key] for key in COUNTS}
    record(ReadMarkMoved(room_id, user_id, counts, origin))
    return counts


def _views(statement: Statement, **values: int) -> Iterator[dict[str, Any]]:
    """Run a statement, and yield for each row the room as the user sees it, with the unread counts."""
    for row in execute(statement, **values):
        yield _to_dict(row) | {"unread": row.unread, "mentions": row.mentions}


def _by_name(seen: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rooms sorted by name, with direct rooms last."""
    return sorted(seen, key=lambda room: (room["kind"] == "direct", room["name"].lower()))


def _to_dict(room: Any) -> dict[str, Any]:
    return {
        "id": room.id,
        "slug": room.slug,
        "name": room.other_name or room.name,
        "kind": room.kind,
        "archived": room.archived_at is not None,
        "last_seq": room.last_seq,
        "last_rev": room.last_rev,
        "last_read_seq": room.last_read_seq,
        "role": room.own_role,
        "can_moderate": room.own_role == "owner" or room.user_role == "admin",
        "notify": room.notify,
        "person": room.other_id and _other(room),
    }


def _other(room: Any) -> dict[str, Any]:
    """Return the other person in a direct room, in the form of `people.to_dict`."""
    person = {"id": room.other_id, "username": room.other_username, "name": room.other_name}
    return person | {"role": room.other_role}
