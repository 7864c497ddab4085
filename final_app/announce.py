"""Tell the sockets what has happened: after the commit, to those whom it concerns."""

from typing import Any

from final_app import memberships, messages, people, presence, wire
from final_app.config import Settings
from final_app.log_ins import Me


def message(event: str, snapshot: dict[str, Any]) -> None:
    """Send `new_message` or `message_changed` to the people in its room."""
    data = {"room": snapshot["room"], "rev": snapshot["rev"], "message": snapshot}
    wire.emit(event, data, room_name(snapshot["room"]))


def typing(me: Me, room_id: int, on: bool) -> None:
    """Tell the others in a room that somebody writes, or has stopped; not that person's own tabs."""
    data = {"room": room_id, "user_id": me.id, "name": me.name, "on": on}
    wire.emit("typing", data, room_name(room_id), skip=presence.sids_of(me.id))


def online(user_id: int, here: bool) -> None:
    wire.emit("presence", {"user_id": user_id, "online": here}, "everybody")


def read(user_id: int, room_id: int, seen: dict[str, Any], sid: str) -> None:
    """Tell a person's other tabs up to where they have read."""
    wire.emit("read_changed", {"room": room_id} | seen, user_name(user_id), skip=sid)


def person(user_id: int) -> None:
    wire.emit("person_changed", {"person": people.as_person(people.active(user_id))}, "everybody")


def room(room_id: int) -> None:
    """Show a room that is new, renamed, archived or joined to each of its people, as they see it."""
    for user_id in memberships.people_in(room_id):
        for sid in presence.sids_of(user_id):
            wire.enter(sid, room_name(room_id))
        wire.emit("room_changed", {"room": memberships.one(user_id, room_id)}, user_name(user_id))


def removed(room_id: int, user_id: int) -> None:
    """Take a person's sockets out of a room, and tell them. They stay connected."""
    for sid in presence.sids_of(user_id):
        wire.leave(sid, room_name(room_id))
    wire.emit("room_removed", {"room": room_id}, user_name(user_id))


def ended(log_in_ids: list[int], reason: str) -> None:
    """Close the sockets of log-ins that have ended."""
    for log_in_id in log_in_ids:
        for sid in presence.sids_of_log_in(log_in_id):
            _end(sid, reason)


def orphans() -> None:
    """Close the sockets whose log-in ended elsewhere: commands run in a process of their own."""
    for sid, reason in presence.orphans():
        _end(sid, reason)


def everything(me: Me) -> dict[str, Any]:
    """Return what a page needs to begin with: the person, their rooms, and who is here."""
    everybody = presence.marked(people.everybody())
    return {"me": me.as_person(), "rooms": memberships.of(me.id), "people": everybody}


def gone(user_id: int, log_in_ids: list[int], room_ids: list[int], reason: str) -> None:
    """Take somebody out who was banned or deleted, and off everybody's lists."""
    for room_id in room_ids:
        removed(room_id, user_id)
    ended(log_in_ids, reason)
    wire.emit("person_gone", {"user_id": user_id}, "everybody")


def place(user_id: int, room_id: int) -> None:
    """Show a room to all tabs of one person: something changed that is theirs alone."""
    wire.emit("room_changed", {"room": memberships.one(user_id, room_id)}, user_name(user_id))


def limits(settings: Settings) -> dict[str, int]:
    """Return what a page has to know beforehand, in characters, bytes and files."""
    return {
        "text": messages.TEXT_LENGTH,
        "upload_size": settings.upload_size,
        "uploads": settings.uploads_per_message,
    }


def room_name(room_id: int) -> str:
    return f"room:{room_id}"


def user_name(user_id: int) -> str:
    return f"user:{user_id}"


def _end(sid: str, reason: str) -> None:
    wire.emit("session_ended", {"reason": reason}, sid)
    wire.end(sid)
