"""A person's places: the rooms they are in, as they see them, and how much is unread there."""

from typing import Any

from sqlalchemy import and_, func, select

from final_app import people
from final_app.errors import Forbidden, Invalid, NotFound
from final_app.models import Membership, Mention, Message, Room, User, db
from final_app.store import writes

NOTIFY = ("all", "mentions", "none")
COUNTED = 100  # unread messages; more is "99+" to anybody


def of(user_id: int) -> list[dict[str, Any]]:
    """Return every room that the person is in, as that person sees it, by name; direct ones last."""
    rows = db.session.execute(_seen_by(user_id)).all()
    others = _other_people(user_id)
    admin = _is_admin(user_id)
    seen = (_as_seen(row, others, admin) for row in rows)
    return sorted(seen, key=lambda room: (room["kind"] == "direct", room["name"].lower()))


def one(user_id: int, room_id: int) -> dict[str, Any]:
    """Return one room as the person sees it. Raises NotFound for a room that is not theirs."""
    row = db.session.execute(_seen_by(user_id).where(Room.id == room_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such room, or you are not in it.")
    return _as_seen(row, _other_people(user_id), _is_admin(user_id))


def by_slug(user_id: int, slug: str) -> dict[str, Any]:
    """Return one room by the name in its address. Raises NotFound."""
    room_id = db.session.scalar(select(Room.id).where(Room.slug == slug))
    return one(user_id, room_id or 0)


def ids_of(user_id: int) -> set[int]:
    """Return the numbers of the rooms that the person is in."""
    return set(db.session.scalars(select(Membership.room_id).filter_by(user_id=user_id)))


def people_in(room_id: int) -> list[int]:
    """Return the numbers of the people who are in the room."""
    return list(db.session.scalars(select(Membership.user_id).filter_by(room_id=room_id)))


def members(user_id: int, room_id: int) -> list[dict[str, Any]]:
    """Return the people of a room that the person is in, each with `room_role`, by name."""
    place(user_id, room_id)
    rows = db.session.execute(
        select(User, Membership.role)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.room_id == room_id)
        .order_by(func.lower(User.name))
    )
    return [people.as_person(user) | {"room_role": role} for user, role in rows]


def open_to(user_id: int) -> list[dict[str, Any]]:
    """Return the open rooms that the person is not in: {id, slug, name}."""
    rows = db.session.scalars(
        select(Room)
        .where(Room.kind == "open", Room.archived_at.is_(None), Room.id.not_in(ids_of(user_id)))
        .order_by(func.lower(Room.name))
    )
    return [{"id": room.id, "slug": room.slug, "name": room.name} for room in rows]


def place(user_id: int, room_id: int) -> Membership:
    """Return the person's place in the room. Raises NotFound: who is out learns nothing."""
    found = db.session.get(Membership, (room_id, user_id))
    if found is None:
        raise NotFound("There is no such room, or you are not in it.")
    return found


def writable(user_id: int, room_id: int) -> None:
    """Raise NotFound for who is out of the room, Forbidden where nobody writes any more."""
    place(user_id, room_id)
    if db.session.get_one(Room, room_id).archived_at:
        raise Forbidden("This room is archived: it can be read, and no longer written in.")


def moderates(user_id: int, room_id: int) -> bool:
    """Tell whether the person keeps order in the room: its owner, or an administrator who is in it."""
    return place(user_id, room_id).role == "owner" or _is_admin(user_id)


@writes
def set_notify(user_id: int, room_id: int, level: str) -> None:
    """Set of what in the room the person wants to hear: all, mentions or none."""
    if level not in NOTIFY:
        raise Invalid(f"Expected one of {', '.join(NOTIFY)}; came {level[:20]!r}.", field="level")
    place(user_id, room_id).notify = level


@writes
def mark_read(user_id: int, room_id: int, seq: int) -> dict[str, Any]:
    """Note up to where the person has read; a lower number marks unread from there."""
    mine = place(user_id, room_id)
    last = db.session.scalar(select(Room.last_seq).where(Room.id == room_id)) or 0
    mine.last_read_seq = min(seq, last)
    db.session.flush()
    seen = one(user_id, room_id)
    return {key: seen[key] for key in ("unread", "mentions", "last_read_seq")}


def _seen_by(user_id: int) -> Any:
    """Select rooms with the reader's place and how much is unread, looking at COUNTED at most."""
    fresh = and_(
        Message.room_id == Room.id,
        Message.seq > Membership.last_read_seq,
        Message.seq > Room.last_seq - COUNTED,
        Message.author_id != user_id,
        Message.deleted_at.is_(None),
    )
    unread = select(func.count()).where(fresh).correlate(Room, Membership)
    named = (
        select(func.count())
        .select_from(Message)
        .join(Mention, and_(Mention.message_id == Message.id, Mention.user_id == user_id))
        .where(fresh)
        .correlate(Room, Membership)
    )
    return (
        select(Room, Membership, unread.scalar_subquery(), named.scalar_subquery())
        .join(Membership, Membership.room_id == Room.id)
        .where(Membership.user_id == user_id)
    )


def _is_admin(user_id: int) -> bool:
    return db.session.get_one(User, user_id).role == "admin"


def _as_seen(row: Any, others: dict[int, dict[str, Any]], admin: bool) -> dict[str, Any]:
    room, mine, unread, mentions = row
    person = others.get(room.id) if room.kind == "direct" else None
    return {
        "id": room.id,
        "slug": room.slug,
        "name": person["name"] if person else room.name,
        "kind": room.kind,
        "archived": room.archived_at is not None,
        "last_seq": room.last_seq,
        "last_rev": room.last_rev,
        "last_read_seq": mine.last_read_seq,
        "unread": unread,
        "mentions": mentions,
        "role": mine.role,
        "can_moderate": mine.role == "owner" or admin,
        "notify": mine.notify,
        "person": person,
    }


def _other_people(user_id: int) -> dict[int, dict[str, Any]]:
    """Return, by direct room, the person at the other end."""
    mine = select(Membership.room_id).where(Membership.user_id == user_id)
    rows = db.session.execute(
        select(Room.id, User)
        .join(Membership, Membership.room_id == Room.id)
        .join(User, User.id == Membership.user_id)
        .where(Room.kind == "direct", Room.id.in_(mine), User.id != user_id)
    )
    return {room_id: people.as_person(user) for room_id, user in rows}
