"""Create, change, join and leave rooms. Each function checks whether the user is allowed to do this."""

import re
import unicodedata
from collections.abc import Iterable

from sqlalchemy import bindparam, or_, select, update

from final_app.chat import memberships, people
from final_app.errors import Conflict, Forbidden, Invalid, NotFound
from final_app.facts import MemberAdded, MemberRemoved, RoomChanged
from final_app.lib import clock, names
from final_app.storage.models import Membership, Room, User, db, table
from final_app.storage.statements import Statement
from final_app.storage.transaction import exclusive_transaction, execute, record

NAME_LENGTH = 60  # characters
SLUG_LENGTH = 40  # characters
KINDS = ("open", "closed")
OPERATOR = 0  # not a real user id: commands can do in every room what its owner can

# Every message needs this, so it is built only once, and from the table instead of the class.
_rooms = table(Room)
_COUNT = Statement(
    update(_rooms)
    .where(_rooms.c.id == bindparam("room"), _rooms.c.archived_at.is_(None))
    .values(last_seq=_rooms.c.last_seq + bindparam("one"), last_rev=_rooms.c.last_rev + 1)
    .returning(_rooms.c.last_seq, _rooms.c.last_rev)
)


@exclusive_transaction
def create(user_id: int, name: str, kind: str) -> int:
    """Create a room and return its id. If the room is open, everyone becomes a member.

    People who are already in the largest possible number of rooms are left out. Raises Conflict if the
    owner is one of them, and NotFound if the account of the owner is not active.
    """
    people.get_active(user_id)
    memberships.refuse_if_full(user_id)
    name = _checked_name(user_id, name)
    if kind not in KINDS:
        raise Invalid(f"Expected one of {', '.join(KINDS)}; got {kind!r}.", field="kind")
    room = Room(name=name, slug=_free_slug(name, kind), kind=kind, created_at=clock.now())
    db.session.add(room)
    db.session.flush()
    members = people.active_ids() if kind == "open" else []
    for member_id in {user_id, *members} - memberships.full_ids():
        _add(room, member_id, role="owner" if member_id == user_id else "member")
    record(RoomChanged(room.id))
    return room.id


@exclusive_transaction
def rename(user_id: int, room_id: int, name: str) -> None:
    """Rename a room. Its slug stays the same, so that links keep working."""
    room = _get_managed(user_id, room_id)
    room.name = _checked_name(user_id, name, room_id)
    record(RoomChanged(room_id))


@exclusive_transaction
def archive(user_id: int, room_id: int) -> None:
    """Make a room read-only for its members."""
    room = _get_managed(user_id, room_id)
    room.archived_at = room.archived_at or clock.now()
    record(RoomChanged(room_id))


@exclusive_transaction
def unarchive(user_id: int, room_id: int) -> None:
    """Make an archived room writable again. Raises Conflict if another room now has its name.

    If the room is open, the people who joined the chat while it was archived become members.
    """
    room = _get_managed(user_id, room_id)
    if room.archived_at is None:
        return
    _checked_name(user_id, room.name, room_id)
    newcomers = people.joined_since(room.archived_at) if room.kind == "open" else ()
    for newcomer_id in {*newcomers} - memberships.full_ids():
        if not db.session.get(Membership, (room_id, newcomer_id)):
            _add(room, newcomer_id)
    room.archived_at = None
    record(RoomChanged(room_id))


@exclusive_transaction
def add_member(user_id: int, room_id: int, newcomer_id: int) -> None:
    """Join an open room, or add someone else to a room that the user is in."""
    is_possible = Room.kind.in_(KINDS) & Room.archived_at.is_(None)
    room = db.session.scalar(select(Room).where(Room.id == room_id, is_possible))
    joins = room is not None and room.kind == "open" and user_id == newcomer_id
    if user_id != OPERATOR and not joins:
        memberships.get(user_id, room_id)
    if room is None:
        raise Forbidden("Nobody can be added to an archived room or a direct room.")
    people.get_active(newcomer_id)
    if db.session.get(Membership, (room_id, newcomer_id)):
        return
    memberships.refuse_if_full(newcomer_id)
    _add(room, newcomer_id)
    record(RoomChanged(room_id))


@exclusive_transaction
def remove_member(user_id: int, room_id: int, leaver_id: int) -> None:
    """Leave a room or, as its owner or an administrator, remove someone else."""
    room = db.session.get(Room, room_id) if user_id == leaver_id else _get_managed(user_id, room_id)
    membership = memberships.get(leaver_id, room_id)
    if room is None or room.kind == "direct":
        raise Forbidden("You can't leave a direct conversation.")
    _remove(membership)


@exclusive_transaction
def direct(user_id: int, other_id: int) -> int:
    """Return the id of the direct room of two people. Create the room if there is none."""
    for person_id in (user_id, other_id):
        people.get_active(person_id)
    if other_id == user_id:
        raise Invalid("You can't have a direct conversation with yourself.")
    low, high = sorted((user_id, other_id))
    key = f"{low}:{high}"
    known = db.session.scalar(select(Room.id).where(Room.dm_key == key))
    if known:
        return known
    room = Room(name="", slug=f"dm-{low}-{high}", kind="direct", dm_key=key, created_at=clock.now())
    db.session.add(room)
    db.session.flush()
    for person_id in (low, high):
        memberships.refuse_if_full(person_id)
        _add(room, person_id, role="member")
    record(RoomChanged(room.id))
    return room.id


@exclusive_transaction
def join_open_rooms(user_id: int, *, archived_too: bool = False) -> None:
    """Add a user to the open rooms that they are not in, the oldest first, up to MOST_ROOMS in total."""
    theirs = memberships.ids_of(user_id)
    open_rooms = select(Room).where(Room.kind == "open", Room.id.not_in(theirs))
    if not archived_too:
        open_rooms = open_rooms.where(Room.archived_at.is_(None))
    space = max(memberships.MOST_ROOMS - len(theirs), 0)
    for room in db.session.scalars(open_rooms.order_by(Room.id).limit(space)).all():
        _add(room, user_id)
        record(RoomChanged(room.id))


@exclusive_transaction
def leave_all(user_id: int) -> None:
    """Remove a user from every room except direct rooms."""
    theirs = select(Membership).join(Room, Room.id == Membership.room_id)
    for membership in db.session.scalars(
        theirs.where(Membership.user_id == user_id, Room.kind != "direct")
    ).all():
        _remove(membership)


def id_of(slug: str) -> int:
    """Return the id of the room with this slug. Raises NotFound if there is none, or if it is direct."""
    found = db.session.scalar(select(Room.id).where(Room.slug == slug, Room.kind != "direct"))
    if found is None:
        raise NotFound(f"There is no room /r/{slug}.")
    return found


def next_numbers(room_id: int, *, is_new: bool) -> tuple[int, int]:
    """Return the next `seq` and `rev` of a room, inside the caller's transaction.

    This is a single statement: if a database has several writers, its row lock keeps the numbers in the
    order of the commits. Raises Forbidden if another writer has just archived the room. For a change to
    an existing message, `is_new` is false, and `seq` stays the same.
    """
    for seq, rev in execute(_COUNT, room=room_id, one=int(is_new)):
        return seq, rev
    raise Forbidden(memberships.ARCHIVED)


def _get_managed(user_id: int, room_id: int) -> Room:
    if user_id == OPERATOR:
        return db.session.get_one(Room, room_id)
    role = memberships.get(user_id, room_id).role
    room, user = db.session.get_one(Room, room_id), db.session.get_one(User, user_id)
    if room.kind == "direct":
        raise Forbidden("A direct conversation has no owner.")
    if role != "owner" and user.role != "admin":
        raise Forbidden("Only the room's owner or an administrator can do this.")
    return room


def _add(room: Room, user_id: int, role: str = "") -> None:
    """Add a member to a room. All earlier messages count as read.

    Unless `role` is given, a person who comes into a room without members becomes its owner.
    """
    if not role:
        members = select(Membership.user_id).filter_by(room_id=room.id)
        role = "member" if db.session.scalar(members.limit(1)) else "owner"
    membership = Membership(
        room_id=room.id, user_id=user_id, role=role, last_read_seq=room.last_seq
    )
    db.session.add(membership)
    record(MemberAdded(room.id, user_id))


def _remove(membership: Membership) -> None:
    """Remove a member from a room.

    If the member is the owner, the member with the oldest account becomes the new owner. A bot becomes
    the owner only if all other members are bots, too.
    """
    room_id, user_id = membership.room_id, membership.user_id
    db.session.delete(membership)
    db.session.flush()
    others = select(Membership).filter_by(room_id=room_id).join(User, User.id == Membership.user_id)
    others = others.order_by(User.role == "bot", Membership.user_id)
    if membership.role == "owner" and (heir := db.session.scalar(others.limit(1))):
        heir.role = "owner"
    record(MemberRemoved(room_id, user_id))
    record(RoomChanged(room_id))


def _checked_name(user_id: int, name: str, room_id: int = 0) -> str:
    """Return the normalized name. Raises Invalid.

    Raises Conflict if the user can know about another room with this name.
    """
    name = names.checked(name, NAME_LENGTH, "A room name")
    if names.folded(name) in map(names.folded, _names_known_to(user_id, but=room_id)):
        raise Conflict("There is already a room with this name.", field="name")
    return name


def _names_known_to(user_id: int, *, but: int) -> Iterable[str]:
    """Return the names of all rooms that the user can know about, except the archived ones.

    The name of a closed room that the user is not in does not count as taken. If the chat refused such
    a name, the user would find out that the closed room exists.
    """
    known = select(Room.name).where(Room.archived_at.is_(None), Room.id != but)
    if user_id != OPERATOR:
        theirs = select(Membership.room_id).filter_by(user_id=user_id)
        known = known.where(or_(Room.kind == "open", Room.id.in_(theirs)))
    return db.session.scalars(known)


def _free_slug(name: str, kind: str) -> str:
    """Return the name in a form for URLs. If another room already has it, add random digits.

    A closed room always gets the digits, so that its slug never takes a name away from another room.
    Otherwise, a user who creates a room with the same name would get digits, and would find out that the
    closed room exists.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:SLUG_LENGTH].strip("-") or "room"
    if slug.startswith("dm-"):
        slug = f"room-{slug}"
    taken = kind == "closed" or db.session.scalar(select(Room.id).where(Room.slug == slug))
    return f"{slug}-{clock.short_token()}" if taken else slug
