"""What comes over the socket: parse, call one function below, answer.

Every event is acknowledged with {"ok": true, …} or {"ok": false, "error": {…}}, whatever happens.
"""

import logging
from collections.abc import Callable
from typing import Any, Literal

from flask_socketio import ConnectionRefusedError

from final_app import (
    announce,
    clock,
    gate,
    history,
    memberships,
    messages,
    presence,
    reactions,
    wire,
)
from final_app.errors import Busy, ChatError, Invalid
from final_app.log_ins import Me
from final_app.payloads import (
    LARGEST_ID,
    DeleteMessage,
    EditMessage,
    MarkRead,
    NewMessage,
    Payload,
    React,
    SetView,
    Sync,
    Typing,
    parsed,
)

PROTOCOL = 1

log = logging.getLogger(__name__)

Answer = dict[str, Any]


def answers(
    event: str, shape: type[Payload], counted: Literal["messages", "actions"] = "actions"
) -> Callable[[Callable[[Me, Any], Answer]], Callable[..., Answer]]:
    """Register a handler of an event, for people who are logged in, and acknowledge it always."""

    def register(handler: Callable[[Me, Any], Answer]) -> Callable[..., Answer]:
        @wire.on(event)
        def handle(*payload: object) -> Answer:
            try:
                me = gate.known()
                gate.throttle().count(counted, me.id)
                return {"ok": True} | handler(me, parsed(shape, payload))
            except ChatError as refusal:
                return refusal.answer()
            except Exception:
                log.exception("The event %s failed", event)
                return ChatError("Something went wrong here. It has been noted.").answer()

        return handle

    return register


@wire.on("connect")
def connect(auth: object = None) -> None:
    """Let people in who are logged in: into their own room, their log-in's, and all of theirs."""
    me = gate.caller()
    if me is None:
        raise ConnectionRefusedError("You are not logged in.", {"code": "unauthorized"})
    try:
        first = presence.arrive(wire.sid(), me.log_in_id, me.id)
    except Busy as busy:
        raise ConnectionRefusedError(busy.message, {"code": busy.code}) from None
    _enter_rooms(me)
    if gate.caller() is None:  # ended since then, before this socket could be told
        presence.leave(wire.sid())
        raise ConnectionRefusedError("You are not logged in.", {"code": "unauthorized"})
    if first:
        announce.online(me.id, True)
    about = {
        "protocol": PROTOCOL,
        "server_time": clock.iso(clock.now()),
        "limits": announce.limits(gate.settings()),
    }
    wire.emit("welcome", about | announce.everything(me), wire.sid())


@wire.on("disconnect")
def disconnect(reason: object = None) -> None:
    gone = presence.leave(wire.sid())
    if gone is not None:
        announce.online(gone, False)


@answers("new_message", NewMessage, counted="messages")
def new_message(me: Me, data: NewMessage) -> Answer:
    most = gate.settings().uploads_per_message
    posted = messages.post(
        me.id, data.room, data.client_id, data.text, data.reply_to, data.uploads, most_files=most
    )
    if not posted.duplicate:
        announce.message("new_message", posted.message)
    return {"message": posted.message, "duplicate": posted.duplicate}


@answers("edit_message", EditMessage, counted="messages")
def edit_message(me: Me, data: EditMessage) -> Answer:
    changed = messages.edit(me.id, data.id, data.text)
    announce.message("message_changed", changed)
    return {"message": changed}


@answers("delete_message", DeleteMessage, counted="messages")
def delete_message(me: Me, data: DeleteMessage) -> Answer:
    changed, gone = messages.delete(me.id, data.id)
    gate.files().remove(gone)
    announce.message("message_changed", changed)
    return {"message": changed}


@answers("react", React)
def react(me: Me, data: React) -> Answer:
    changed, news = reactions.react(me.id, data.id, data.emoji, data.on)
    if news:
        announce.message("message_changed", changed)
    return {"message": changed}


@answers("mark_read", MarkRead)
def mark_read(me: Me, data: MarkRead) -> Answer:
    seen = memberships.mark_read(me.id, data.room, data.seq)
    announce.read(me.id, data.room, seen, wire.sid())
    return seen


@answers("sync", Sync)
def sync(me: Me, data: Sync) -> Answer:
    try:
        revs = {int(room_id): rev for room_id, rev in data.rooms.items()}
    except ValueError:
        raise Invalid("Expected numbers of rooms, such as “7”.", field="rooms") from None
    if any(not 0 <= number <= LARGEST_ID for pair in revs.items() for number in pair):
        raise Invalid("A room or a rev is out of range.", field="rooms")
    return {"rooms": history.missed(me.id, revs)}


@answers("set_view", SetView)
def set_view(me: Me, data: SetView) -> Answer:
    if data.room is not None:
        memberships.place(me.id, data.room)
    presence.view(wire.sid(), data.room, data.visible)
    return {}


@answers("typing", Typing)
def typing(me: Me, data: Typing) -> Answer:
    memberships.place(me.id, data.room)
    announce.typing(me, data.room, data.on)
    return {}


@wire.on("*")
def unknown(event: str, *payload: object) -> Answer:
    """Answer an event that does not exist: silence would leave its sender waiting."""
    return Invalid(f"There is no event {event[:40]!r}.").answer()


def _enter_rooms(me: Me) -> None:
    wire.enter(wire.sid(), announce.user_name(me.id))
    wire.enter(wire.sid(), "everybody")
    joined = memberships.ids_of(me.id)
    for room_id in joined:
        wire.enter(wire.sid(), announce.room_name(room_id))
    # Who was removed since then was told before this socket had joined.
    for room_id in joined - memberships.ids_of(me.id):
        wire.leave(wire.sid(), announce.room_name(room_id))
