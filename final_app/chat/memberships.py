"""Memberships: who is in which room, how each member sees it, and the unread counts."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import aliased

from final_app.chat import people
from final_app.errors import Forbidden, Invalid, NotFound
from final_app.facts import MembershipChanged, ReadMarkMoved
from final_app.storage.models import Membership, Mention, Message, Room, User, db
from final_app.storage.transaction import record, transaction

NOTIFY = ("all", "mentions", "none")
COUNTED = 100  # unread messages; clients show more as "99+"


def of(user_id: int) -> list[dict[str, Any]]:
    """Return all rooms of a user, as that user sees them, sorted by name with direct rooms last."""
    seen = [room for _, room in _views(Membership.user_id == user_id)]
    return sorted(seen, key=lambda room: (room["kind"] == "direct", room["name"].lower()))


def one(user_id: int, room_id: int) -> dict[str, Any]:
    """Return one room as this member sees it. Raises NotFound if the user is not a member."""
    for _, room in _views(Membership.user_id == user_id, Membership.room_id == room_id):
        return room
    raise NotFound("There is no such room, or you are not in it.")


def of_everybody_in(room_id: int) -> dict[int, dict[str, Any]]:
    """Return the room as each member sees it, by user id."""
    return dict(_views(Membership.room_id == room_id))


def to_return_to(user_id: int, visited: Sequence[str]) -> dict[str, Any] | None:
    """Return the room in which a person goes on: the first of `visited` that is theirs and not archived.

    `visited` holds room ids, as a browser keeps them. If it is empty, the person goes on in the room
    where they wrote last. Failing that, this is the first room by name, or None without such a room.
    """
    rooms = {str(room["id"]): room for room in of(user_id) if not room["archived"]}
    newest_first = select(Message.room_id).filter_by(author_id=user_id).order_by(Message.id.desc())
    visited = visited or [str(db.session.scalar(newest_first.limit(1)))]
    return next((rooms[each] for each in [*visited, *rooms] if each in rooms), None)


def by_slug(user_id: int, slug: str) -> dict[str, Any]:
    """Return one room by its slug. Raises NotFound if the user is not a member."""
    room_id = db.session.scalar(select(Room.id).where(Room.slug == slug))
    return one(user_id, room_id or 0)


def ids_of(user_id: int) -> set[int]:
    """Return the ids of all rooms of a user."""
    return set(db.session.scalars(select(Membership.room_id).filter_by(user_id=user_id)))


def members(user_id: int, room_id: int) -> list[dict[str, Any]]:
    """Return the members of a room, each with `room_role`, by name. Raises NotFound."""
    get(user_id, room_id)
    rows = db.session.execute(
        select(User, Membership.role)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.room_id == room_id)
        .order_by(func.lower(User.name))
    )
    return [people.to_dict(user) | {"room_role": role} for user, role in rows]


def open_to(user_id: int) -> list[dict[str, Any]]:
    """Return the open rooms that the user is not in, as {id, slug, name}."""
    rows = db.session.scalars(
        select(Room)
        .where(Room.kind == "open", Room.archived_at.is_(None), Room.id.not_in(ids_of(user_id)))
        .order_by(func.lower(Room.name))
    )
    return [{"id": room.id, "slug": room.slug, "name": room.name} for room in rows]


def get(user_id: int, room_id: int) -> Membership:
    """Return a user's membership. Raises NotFound if there is none, even if the room exists."""
    found = db.session.get(Membership, (room_id, user_id))
    if found is None:
        raise NotFound("There is no such room, or you are not in it.")
    return found


def check_writable(user_id: int, room_id: int) -> None:
    """Raise NotFound if the user is not a member, and Forbidden if the room is archived."""
    get(user_id, room_id)
    if db.session.get_one(Room, room_id).archived_at:
        raise Forbidden("This room is archived. You can read it, but you can't send messages.")


def can_moderate(user_id: int, room_id: int) -> bool:
    """Return whether a member moderates the room, as its owner or as an administrator."""
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
    """Store the last message that the user has read. A lower `seq` marks later messages as unread.

    Returns {unread, mentions, last_read_seq}. The change is not sent to `origin`, the user's socket.
    """
    mine = get(user_id, room_id)
    last = db.session.scalar(select(Room.last_seq).where(Room.id == room_id)) or 0
    mine.last_read_seq = min(seq, last)
    db.session.flush()
    room = one(user_id, room_id)
    counts = {key: room[key] for key in ("unread", "mentions", "last_read_seq")}
    record(ReadMarkMoved(room_id, user_id, counts, origin))
    return counts


def _views(*which: ColumnElement[bool]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the user id and the room as that user sees it, for some memberships.

    Only the last COUNTED messages of each room are checked for unread ones.
    """
    fresh = and_(
        Message.room_id == Membership.room_id,
        Message.seq > Membership.last_read_seq,
        Message.seq > Room.last_seq - COUNTED,
        Message.author_id != Membership.user_id,
        Message.deleted_at.is_(None),
    )
    named = and_(Mention.message_id == Message.id, Mention.user_id == Membership.user_id)
    unread = select(func.count()).select_from(Message).where(fresh)
    mentions = select(func.count()).select_from(Message).join(Mention, named).where(fresh)
    rows = db.session.execute(
        select(
            Room,
            Membership,
            User.role,
            unread.correlate(Room, Membership).scalar_subquery(),
            mentions.correlate(Room, Membership).scalar_subquery(),
        )
        .select_from(Membership)
        .join(Room, Room.id == Membership.room_id)
        .join(User, User.id == Membership.user_id)
        .where(*which)
    ).all()
    others = _others(*which) if any(row[0].kind == "direct" for row in rows) else {}
    for room, mine, role, unread_count, mention_count in rows:
        other = others.get((room.id, mine.user_id))
        counts = {"unread": unread_count, "mentions": mention_count}
        yield mine.user_id, _to_dict(room, mine, role == "admin", counts, other)


def _to_dict(
    room: Room, mine: Membership, is_admin: bool, counts: dict[str, int], other: User | None
) -> dict[str, Any]:
    return counts | {
        "id": room.id,
        "slug": room.slug,
        "name": other.name if other else room.name,
        "kind": room.kind,
        "archived": room.archived_at is not None,
        "last_seq": room.last_seq,
        "last_rev": room.last_rev,
        "last_read_seq": mine.last_read_seq,
        "role": mine.role,
        "can_moderate": mine.role == "owner" or is_admin,
        "notify": mine.notify,
        "person": other and people.to_dict(other),
    }


def _others(*which: ColumnElement[bool]) -> dict[tuple[int, int], User]:
    """Return the other member of each direct room, by room id and user id."""
    theirs = aliased(Membership)
    rows = db.session.execute(
        select(Membership.room_id, Membership.user_id, User)
        .join(Room, Room.id == Membership.room_id)
        .join(theirs, and_(theirs.room_id == Room.id, theirs.user_id != Membership.user_id))
        .join(User, User.id == theirs.user_id)
        .where(Room.kind == "direct", *which)
    )
    return {(room_id, user_id): other for room_id, user_id, other in rows}
