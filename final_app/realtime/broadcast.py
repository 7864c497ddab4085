"""Act on facts: send events to the right sockets, and move sockets. Nothing else emits.

The functions after the listeners send what is not recorded as a fact: typing, presence and the welcome.
"""

from contextlib import suppress
from functools import singledispatch
from typing import Any

from final_app import current, facts
from final_app.accounts.sessions import Identity
from final_app.chat import memberships, people
from final_app.errors import NotFound
from final_app.facts import Fact
from final_app.realtime import server

EVERYBODY = "everybody"


@singledispatch
def tell(fact: Fact) -> None:
    """Act on a fact. Each kind has its listener below. Raises TypeError for anything else."""
    raise TypeError(fact)


@tell.register
def _message_posted(fact: facts.MessagePosted) -> None:
    _message("new_message", fact.message)


@tell.register
def _message_changed(fact: facts.MessageChanged) -> None:
    _message("message_changed", fact.message)


@tell.register
def _room_changed(fact: facts.RoomChanged) -> None:
    """Send the room to each of its members, as they see it, after it was renamed for example."""
    for user_id, room in memberships.of_everybody_in(fact.room_id).items():
        server.emit("room_changed", {"room": room}, to=user_name(user_id))


@tell.register
def _member_added(fact: facts.MemberAdded) -> None:
    for sid in current.presence().sids_of(fact.user_id):
        server.enter(sid, room_name(fact.room_id))


@tell.register
def _member_removed(fact: facts.MemberRemoved) -> None:
    """Remove the user's sockets from the room. They stay connected."""
    for sid in current.presence().sids_of(fact.user_id):
        server.leave(sid, room_name(fact.room_id))
    server.emit("room_removed", {"room": fact.room_id}, to=user_name(fact.user_id))


@tell.register
def _membership_changed(fact: facts.MembershipChanged) -> None:
    with suppress(NotFound):  # the user has left since then, which is another fact
        room = memberships.one(fact.user_id, fact.room_id)
        server.emit("room_changed", {"room": room}, to=user_name(fact.user_id))


@tell.register
def _read_mark_moved(fact: facts.ReadMarkMoved) -> None:
    """Send the counts to the user's other tabs."""
    data = {"room": fact.room_id} | fact.counts
    server.emit("read_changed", data, to=user_name(fact.user_id), skip=fact.origin)


@tell.register
def _person_changed(fact: facts.PersonChanged) -> None:
    with suppress(NotFound):  # banned or deleted since then, which is another fact
        person = people.to_dict(people.get_active(fact.user_id))
        server.emit("person_changed", {"person": person, "rev": fact.rev}, to=EVERYBODY)


@tell.register
def _person_gone(fact: facts.PersonGone) -> None:
    server.emit("person_gone", {"user_id": fact.user_id, "rev": fact.rev}, to=EVERYBODY)


@tell.register
def _session_ended(fact: facts.SessionEnded) -> None:
    for sid in current.presence().sids_of_session(fact.session_id):
        server.emit("session_ended", {"reason": fact.reason}, to=sid)
        server.disconnect(sid)


def typing(identity: Identity, room_id: int, on: bool) -> None:
    """Tell the other members of a room that someone is typing, or has stopped."""
    data = {"room": room_id, "user_id": identity.id, "name": identity.name, "on": on}
    server.emit("typing", data, to=room_name(room_id), skip=current.presence().sids_of(identity.id))


def online() -> None:
    """Tell everybody who has come online and who has gone since the last call."""
    here = current.presence()
    for sid in here.sids() - set(server.open_sids()):  # closed before its handler had noted it
        here.disconnect(sid)
    with here.telling:
        came, went = here.changes()
        if came or went:
            server.emit("presence", {"online": came, "offline": went}, to=EVERYBODY)


def welcome(sid: str, state: dict[str, Any]) -> None:
    """Send a new socket its state, and who is online: from then on `presence` tells the changes."""
    here = current.presence()
    with here.telling:
        server.emit("welcome", state | {"online": here.online()}, to=sid)


def room_name(room_id: int) -> str:
    return f"room:{room_id}"


def user_name(user_id: int) -> str:
    return f"user:{user_id}"


def _message(event: str, message: dict[str, Any]) -> None:
    server.emit(event, message, to=room_name(message["room"]))
