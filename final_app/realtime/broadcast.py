"""Act on facts: send events to the right sockets, and let sockets enter and leave rooms.

Only this module emits events. After the listeners for facts, there are functions that send what is not
recorded as a fact: presence and the welcome. All functions reach only the sockets of this process. If
there are other processes, each of them gets the same facts.
"""

from contextlib import suppress
from functools import singledispatch
from typing import Any

from final_app import current, facts
from final_app.chat import memberships, messages, people
from final_app.errors import NotFound
from final_app.facts import Fact
from final_app.realtime import server
from final_app.storage import outbox

EVERYBODY = "everybody"


@singledispatch
def tell(fact: Fact) -> None:
    """Act on a fact. Each kind of fact has a listener below. Raises TypeError for anything else."""
    raise TypeError(fact)


@tell.register
def _message_posted(fact: facts.MessagePosted) -> None:
    _message("new_message", fact.message)


@tell.register
def _message_changed(fact: facts.MessageChanged) -> None:
    _message("message_changed", fact.message)


@tell.register
def _room_changed(fact: facts.RoomChanged) -> None:
    """Send a room that has changed to each member who is here, as this member sees it.

    When somebody registers, every open room changes. To save time, this reads nothing for members who
    are away, and counts no unread messages: pages already know these counts, which have not changed.
    """
    here = current.presence().user_ids()
    for user_id, room in memberships.seen_by(here, fact.room_id).items():
        server.emit("room_changed", {"room": room}, to=user_name(user_id))


@tell.register
def _member_changed(fact: facts.MemberAdded | facts.MemberRemoved) -> None:
    """Let a person's sockets enter the room if the person is a member, and leave it if not.

    The database says who is a member. With SQLite, the fact of a command comes up to `outbox.POLL` later
    than the facts of the server, so the person may have been removed again, or added again.
    """
    if not (sids := current.presence().sids_of(fact.user_id)):
        return
    is_member = fact.room_id in memberships.ids_of(fact.user_id)
    for sid in sids:
        (server.enter if is_member else server.leave)(sid, room_name(fact.room_id))
    if not is_member:
        server.emit("room_removed", {"room": fact.room_id}, to=user_name(fact.user_id))


@tell.register
def _membership_changed(fact: facts.MembershipChanged) -> None:
    with suppress(NotFound):  # the user has left since then, and there is another fact for that
        room = memberships.one(fact.user_id, fact.room_id)
        server.emit("room_changed", {"room": room}, to=user_name(fact.user_id))


@tell.register
def _read_mark_moved(fact: facts.ReadMarkMoved) -> None:
    """Send the unread counts to the user's other tabs."""
    data = {"room": fact.room_id} | fact.counts
    server.emit("read_changed", data, to=user_name(fact.user_id), skip=fact.origin)


@tell.register
def _person_changed(fact: facts.PersonChanged) -> None:
    with suppress(NotFound):  # banned or deleted since then, and there is another fact for that
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


@tell.register
def _typing(fact: facts.Typing) -> None:
    """Tell the other members of the room who is typing."""
    data = {"room": fact.room_id, "user_id": fact.user_id, "name": fact.name, "on": fact.on}
    own = current.presence().sids_of(fact.user_id)
    server.emit("typing", data, to=room_name(fact.room_id), skip=own)


def online() -> None:
    """Tell everybody who has come online and who has gone offline since the last call."""
    here = current.presence()
    for sid in here.sids() - set(server.open_sids()):  # it closed before its handler added it
        here.disconnect(sid)
    elsewhere = outbox.current().online_elsewhere(here.present())
    with here.telling:
        came, went = here.changes(elsewhere)
        if came or went:
            server.emit("presence", {"online": came, "offline": went}, to=EVERYBODY)


def welcome(sid: str, state: dict[str, Any]) -> None:
    """Send a new socket its state and who is online. From then on, it gets changes as `presence`."""
    here = current.presence()
    with here.telling:
        server.emit("welcome", state | {"online": here.online()}, to=sid)


def room_name(room_id: int) -> str:
    return f"room:{room_id}"


def user_name(user_id: int) -> str:
    return f"user:{user_id}"


def _message(event: str, message: dict[str, Any]) -> None:
    with suppress(NotFound):  # removed since then, which a client learns when it syncs
        whole = message if "author" in message else messages.completed(message)
        server.emit(event, whole, to=room_name(message["room"]))
