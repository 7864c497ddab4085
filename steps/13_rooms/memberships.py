"""Memberships: everybody can join a room, but only its members can read it and write in it."""

from accounts import require_user
from checks import ChatError, number
from flask_socketio import join_room, leave_room
from models import Login, Room, User, db


def join(user: User, name: str) -> Room:
    """Make a user a member of the room with this name. If there is none, create it."""
    room = db.session.scalar(db.select(Room).filter_by(name=name)) or Room(name=name)
    user.rooms.add(room)
    db.session.commit()
    return room


def leave(user: User, room: Room) -> None:
    user.rooms.remove(room)
    db.session.commit()


def require_member(payload: object) -> tuple[User, Room]:
    """Return the current user and the payload's room. Raises ChatError if they are not a member."""
    user, room = require_user(), db.session.get(Room, number(payload, "room"))
    if not room:
        raise ChatError("not_found", "There is no such room.", field="room")
    if room not in user.rooms:
        raise ChatError("forbidden", f"You are not in the room {room.name}.", field="room")
    return user, room


def members_by_token(room_id: int) -> dict[str, str]:
    """Return the sessions of a room's members: the token of each → the name of its user."""
    members = db.select(Login.token, User.username).join(User).where(User.rooms.any(id=room_id))
    return dict(db.session.execute(members).all())


def update_sockets(room_id: int, sockets: dict[str, str]) -> None:
    """Make sure that only the sockets of a room's members receive its messages."""
    members = members_by_token(room_id)
    for sid, token in sockets.items():
        if token in members:
            join_room(room_id, sid, "/")
        else:
            leave_room(room_id, sid, "/")
