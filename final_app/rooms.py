"""Rooms: made, named, closed, entered and left. Every function asks whether the person may."""

import re
import unicodedata

from sqlalchemy import insert, literal, select, update

from final_app import clock, memberships, people
from final_app.errors import Conflict, Forbidden, Invalid, NotFound
from final_app.models import Membership, Room, User, db
from final_app.store import writes

NAME_LENGTH = 60  # characters
SLUG_LENGTH = 40  # characters
KINDS = ("open", "closed")
OPERATOR = 0  # nobody's number: whoever runs the commands may do what a room's owner may


@writes
def create(user_id: int, name: str, kind: str) -> int:
    """Make a room with one owner, an open one with everybody in it; return its number."""
    name = _checked_name(name)
    if kind not in KINDS:
        raise Invalid(f"Expected one of {', '.join(KINDS)}; came {kind!r}.", field="kind")
    room = Room(name=name, slug=_free_slug(name), kind=kind, created_at=clock.now())
    db.session.add(room)
    db.session.flush()
    db.session.add(Membership(room_id=room.id, user_id=user_id, role="owner"))
    if kind == "open":
        _let_everybody_in(room.id)
    return room.id


@writes
def rename(user_id: int, room_id: int, name: str) -> None:
    """Give a room another name; its address stays, so that links go on working."""
    room = _owned(user_id, room_id)
    room.name = _checked_name(name, room_id)


@writes
def archive(user_id: int, room_id: int) -> None:
    """Close a room for writing; what was said in it stays readable to those who are in it."""
    _owned(user_id, room_id).archived_at = clock.now()


@writes
def unarchive(user_id: int, room_id: int) -> None:
    """Open an archived room for writing, unless another has taken its name meanwhile."""
    room = _owned(user_id, room_id)
    _checked_name(room.name, room_id)
    room.archived_at = None


@writes
def bring(user_id: int, room_id: int, newcomer_id: int) -> bool:
    """Let somebody in: oneself into an open room, or another into a room one is in.

    Returns whether the newcomer was not in it before.
    """
    room = db.session.get(Room, room_id)
    allowed = room is not None and room.kind in KINDS and room.archived_at is None
    if room is None or not allowed or not (user_id == newcomer_id and room.kind == "open"):
        memberships.place(user_id, room_id)
    if room is None or not allowed:
        raise Forbidden("Nobody can be added to this room.")
    people.active(newcomer_id)
    if db.session.get(Membership, (room_id, newcomer_id)):
        return False
    # What was said before is history, not unread.
    newcomer = Membership(room_id=room_id, user_id=newcomer_id, last_read_seq=room.last_seq)
    db.session.add(newcomer)
    return True


@writes
def remove(user_id: int, room_id: int, leaver_id: int) -> None:
    """Let oneself out, or, as its owner or as an administrator, somebody else."""
    room = db.session.get(Room, room_id) if user_id == leaver_id else _owned(user_id, room_id)
    leaving = memberships.place(leaver_id, room_id)
    if room is None or room.kind == "direct":
        raise Forbidden("A direct conversation cannot be left.")
    _vacate(leaving)


@writes
def direct(user_id: int, other_id: int) -> int:
    """Return the number of the conversation of two people, made at its first use."""
    people.active(other_id)
    if other_id == user_id:
        raise Invalid("It takes two to talk.")
    low, high = sorted((user_id, other_id))
    key = f"{low}:{high}"
    known = db.session.scalar(select(Room.id).where(Room.dm_key == key))
    if known:
        return known
    room = Room(name="", slug=f"dm-{low}-{high}", kind="direct", dm_key=key, created_at=clock.now())
    db.session.add(room)
    db.session.flush()
    db.session.add_all(Membership(room_id=room.id, user_id=person) for person in (low, high))
    return room.id


@writes
def welcome(user_id: int) -> None:
    """Let a new person into every open room."""
    rooms = select(Room.id, literal(user_id), literal("member"), Room.last_seq).where(
        Room.kind == "open", Room.archived_at.is_(None)
    )
    columns = ["room_id", "user_id", "role", "last_read_seq"]
    db.session.execute(insert(Membership).from_select(columns, rooms))


@writes
def forget(user_id: int) -> list[int]:
    """Take a person out of every room but the direct ones; return the rooms."""
    left = [
        room
        for room in memberships.ids_of(user_id)
        if db.session.get_one(Room, room).kind != "direct"
    ]
    for room_id in left:
        _vacate(memberships.place(user_id, room_id))
    return left


def id_of(slug: str) -> int:
    """Return the number of a room by the name in its address; direct ones have none. Raises NotFound."""
    found = db.session.scalar(select(Room.id).where(Room.slug == slug, Room.kind != "direct"))
    if found is None:
        raise NotFound(f"There is no room /r/{slug}.")
    return found


def number(room_id: int, *, new: bool) -> tuple[int, int]:
    """Return the next `seq` and `rev` of a room, inside the caller's transaction.

    One statement: on a database with many writers its row lock makes the order of commits the order
    of numbers. `new` is false for an edit or a deletion, which take a `rev` alone.
    """
    row = db.session.execute(
        update(Room)
        .where(Room.id == room_id)
        .values(last_seq=Room.last_seq + int(new), last_rev=Room.last_rev + 1)
        .returning(Room.last_seq, Room.last_rev)
    ).one()
    return row.last_seq, row.last_rev


def _owned(user_id: int, room_id: int) -> Room:
    if user_id == OPERATOR:
        return db.session.get_one(Room, room_id)
    place = memberships.place(user_id, room_id)
    room, user = db.session.get_one(Room, room_id), db.session.get_one(User, user_id)
    if room.kind == "direct":
        raise Forbidden("A direct conversation has no owner.")
    if place.role != "owner" and user.role != "admin":
        raise Forbidden("Only the room's owner or an administrator may do this.")
    return room


def _vacate(leaving: Membership) -> None:
    """Take somebody out of a room; its owner leaves it to the member with the oldest account."""
    db.session.delete(leaving)
    db.session.flush()
    others = select(Membership).filter_by(room_id=leaving.room_id).order_by(Membership.user_id)
    if leaving.role == "owner" and (heir := db.session.scalar(others.limit(1))):
        heir.role = "owner"


def _let_everybody_in(room_id: int) -> None:
    inside = set(memberships.people_in(room_id))
    everybody = db.session.scalars(select(User.id).filter_by(status="active"))
    db.session.add_all(
        Membership(room_id=room_id, user_id=user_id)
        for user_id in everybody
        if user_id not in inside
    )


def _checked_name(name: str, room_id: int = 0) -> str:
    """Return a name for a room, a new one or this one."""
    name = " ".join(name.split())
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise Invalid(f"A room's name has 1 to {NAME_LENGTH} visible characters.", field="name")
    others = select(Room.name).where(Room.archived_at.is_(None), Room.id != room_id)
    # Compared here: SQLite knows the capitals of English only.
    if name.casefold() in map(str.casefold, db.session.scalars(others)):
        raise Conflict("There is a room of that name.", field="name")
    return name


def _free_slug(name: str) -> str:
    """Return the name as it can stand in an address, with a number behind it when that is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_LENGTH] or "room"
    if slug.startswith("dm-"):
        slug = f"room-{slug}"
    taken = set(db.session.scalars(select(Room.slug).where(Room.slug.startswith(slug))))
    candidates = (slug, *(f"{slug}-{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
