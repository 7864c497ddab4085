"""Handlers of Socket.IO events. Each parses its payload and calls one function of the domain.

Every event is acknowledged with {"ok": true, …} or {"ok": false, "error": {…}}.
"""

import logging
from collections.abc import Callable
from typing import Any, Literal

from flask import Flask
from flask_socketio import ConnectionRefusedError

from final_app import auth, current
from final_app.accounts.sessions import Identity
from final_app.chat import history, memberships, messages, presence, reactions, welcome
from final_app.errors import Busy, ChatError, Invalid
from final_app.lib import clock
from final_app.realtime import broadcast, schemas, server
from final_app.realtime.schemas import LARGEST_ID, Schema, parse

PROTOCOL = 1

log = logging.getLogger(__name__)

Acknowledgement = dict[str, Any]
Handler = Callable[[Identity, Any], Acknowledgement]


def on(
    event: str, schema: type[Schema], limit: Literal["messages", "actions"] = "actions"
) -> Callable[[Handler], Callable[..., Acknowledgement]]:
    """Decorate the handler of an event that requires a login.

    The event counts against the rate limit `limit`, and is always acknowledged.
    """

    def register(handler: Handler) -> Callable[..., Acknowledgement]:
        @server.on(event)
        def handle(*payload: object) -> Acknowledgement:
            try:
                me = auth.require_user()
                current.rate_limiter().count(limit, me.id)
                return {"ok": True} | handler(me, parse(schema, payload))
            except ChatError as refusal:
                return refusal.answer()
            except Exception:
                log.exception("The event %s failed", event)
                return ChatError("Something went wrong. The error has been logged.").answer()

        return handle

    return register


@server.on("connect")
def connect(data: object = None) -> None:
    """Accept the socket of a logged-in user and add it to the rooms of its user."""
    me = auth.current_user()
    if me is None:
        raise ConnectionRefusedError("You are not logged in.", {"code": "unauthorized"})
    try:
        has_come_online = presence.connect(server.sid(), me.session_id, me.id)
    except Busy as busy:
        raise ConnectionRefusedError(busy.message, {"code": busy.code}) from None
    _enter_rooms(me)
    if auth.current_user() is None:  # the session ended before this socket was stored
        presence.disconnect(server.sid())
        raise ConnectionRefusedError("You are not logged in.", {"code": "unauthorized"})
    if has_come_online:
        broadcast.online(me.id, True)
    about = {
        "protocol": PROTOCOL,
        "server_time": clock.iso(clock.now()),
        "limits": welcome.limits(current.settings()),
        "me": me.to_dict(),
    }
    broadcast.welcome(server.sid(), about | welcome.state_for(me.id))


@server.on("disconnect")
def disconnect(reason: object = None) -> None:
    """Note in the background that the socket has gone: a busy database must not keep it open."""
    server.in_background(_remove_presence, current.application(), server.sid())


@on("new_message", schemas.NewMessage, limit="messages")
def new_message(me: Identity, data: schemas.NewMessage) -> Acknowledgement:
    most = current.settings().uploads_per_message
    posted = messages.post(
        me.id, data.room, data.client_id, data.text, data.reply_to, data.uploads, most_files=most
    )
    return {"message": posted.message, "duplicate": posted.duplicate}


@on("edit_message", schemas.EditMessage, limit="messages")
def edit_message(me: Identity, data: schemas.EditMessage) -> Acknowledgement:
    return {"message": messages.edit(me.id, data.id, data.text)}


@on("delete_message", schemas.DeleteMessage, limit="messages")
def delete_message(me: Identity, data: schemas.DeleteMessage) -> Acknowledgement:
    return {"message": messages.delete(me.id, data.id)}


@on("react", schemas.React)
def react(me: Identity, data: schemas.React) -> Acknowledgement:
    return {"message": reactions.react(me.id, data.id, data.emoji, data.on)}


@on("mark_read", schemas.MarkRead)
def mark_read(me: Identity, data: schemas.MarkRead) -> Acknowledgement:
    return dict(memberships.mark_read(me.id, data.room, data.seq, origin=server.sid()))


@on("sync", schemas.Sync)
def sync(me: Identity, data: schemas.Sync) -> Acknowledgement:
    try:
        revs = {int(room_id): rev for room_id, rev in data.rooms.items()}
    except ValueError:
        raise Invalid("Expected room ids as keys, such as “7”.", field="rooms") from None
    if any(not 0 <= number <= LARGEST_ID for pair in revs.items() for number in pair):
        raise Invalid("A room id or a rev is out of range.", field="rooms")
    return {"rooms": history.missed(me.id, revs)}


@on("set_view", schemas.SetView)
def set_view(me: Identity, data: schemas.SetView) -> Acknowledgement:
    if data.room is not None:
        memberships.get(me.id, data.room)
    presence.set_view(server.sid(), data.room, data.visible)
    return {}


@on("typing", schemas.Typing)
def typing(me: Identity, data: schemas.Typing) -> Acknowledgement:
    memberships.get(me.id, data.room)
    broadcast.typing(me, data.room, data.on)
    return {}


@server.on("*")
def unknown(event: str, *payload: object) -> Acknowledgement:
    """Answer an unknown event, so that its sender does not wait for nothing."""
    return Invalid(f"There is no event {event[:40]!r}.").answer()


def _remove_presence(app: Flask, sid: str) -> None:
    with app.app_context():
        try:
            user_id = presence.disconnect(sid)
        except Busy:
            log.warning("A socket that has gone counts as online until its row expires")
        else:
            if user_id is not None:
                broadcast.online(user_id, False)


def _enter_rooms(me: Identity) -> None:
    sid, joined = server.sid(), memberships.ids_of(me.id)
    server.enter(sid, broadcast.user_name(me.id))
    server.enter(sid, broadcast.EVERYBODY)
    for room_id in joined:
        server.enter(sid, broadcast.room_name(room_id))
    # If the user was removed from a room meanwhile, that happened before this socket joined it.
    for room_id in joined - memberships.ids_of(me.id):
        server.leave(sid, broadcast.room_name(room_id))
