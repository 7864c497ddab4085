"""Handlers of Socket.IO events. Each parses its payload and calls one function of the domain.

Every event is acknowledged with {"ok": true, …} or {"ok": false, "error": {…}}.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, Literal

from flask_socketio import ConnectionRefusedError

from final_app import auth, current
from final_app.accounts import sessions
from final_app.accounts.sessions import Identity
from final_app.chat import history, memberships, messages, reactions
from final_app.errors import ChatError, Invalid
from final_app.facts import Typing
from final_app.lib import clock, counts
from final_app.realtime import broadcast, schemas, server
from final_app.realtime.schemas import Schema, parse
from final_app.storage import outbox
from final_app.storage.models import LARGEST_NUMBER

MOST_SOCKETS = 50  # of one person, in all browsers
PROTOCOL = 3  # the version of the events; `static/js/core/connection.js` must have the same
# An open page may send no HTTP request for weeks. These events write something anyway; the others should
# never have to wait for a writer.
SIGNS_OF_USE = {"new_message", "edit_message", "delete_message", "react", "mark_read"}
BROWSER = "Mozilla/"  # every browser's User-Agent begins with this

log = logging.getLogger(__name__)
_door = threading.Lock()

Acknowledgement = dict[str, Any]
Handler = Callable[[Identity, Any], Acknowledgement]


def on(
    event: str, schema: type[Schema], limit: Literal["messages", "actions", "reads"] = "actions"
) -> Callable[[Handler], Callable[..., Acknowledgement]]:
    """Decorate the handler of an event that requires a login.

    The event counts toward the rate limit `limit`, and is always acknowledged.
    """

    def register(handler: Handler) -> Callable[..., Acknowledgement]:
        @server.on(event)
        def handle(*payload: object) -> Acknowledgement:
            try:
                me = auth.require_user()
                current.rate_limiter().count(limit, me.id, cost=auth.PRICES.get(event, 1))
                if event in SIGNS_OF_USE:
                    sessions.touch(me)
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
    """Accept one socket at a time. Before each, everything else gets a turn.

    A whole team may connect at the same time, and nobody else should have to wait for the whole team.
    """
    with _door:
        clock.pause(0)
        if not server.is_open():  # it closed while it waited, perhaps because the database is gone
            return
        try:
            _let_in(data)
        except ChatError as refusal:  # for example, while the database is busy
            raise _refusal(refusal.message, refusal.code) from None


@server.on("disconnect")
def disconnect(reason: object = None) -> None:
    current.presence().disconnect(server.sid())


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


@on("sync", schemas.Sync, limit="reads")
def sync(me: Identity, data: schemas.Sync) -> Acknowledgement:
    try:
        revs = {int(room_id): rev for room_id, rev in data.rooms.items()}
    except ValueError:
        raise Invalid("Expected room ids as keys, such as “7”.", field="rooms") from None
    if any(not 0 <= number <= LARGEST_NUMBER for pair in revs.items() for number in pair):
        raise Invalid("A room id or a rev is out of range.", field="rooms")
    return {"rooms": history.missed(me.id, revs)}


@on("typing", schemas.Typing)
def typing(me: Identity, data: schemas.Typing) -> Acknowledgement:
    memberships.check(me.id, data.room)
    outbox.current().send(Typing(data.room, me.id, me.name, data.on))
    return {}


@server.on("*")
def unknown(event: str, *payload: object) -> Acknowledgement:
    """Answer an unknown event, so that its sender does not wait for nothing."""
    return Invalid(f"There is no event {event[:40]!r}.").answer()


def _let_in(data: object) -> None:
    """Accept the socket of a logged-in user, add it to the user's rooms, and welcome it."""
    _check_protocol(data)
    me, sid = auth.of_request(server.handshake()), server.sid()
    if me is None:
        raise _refusal("You are not logged in.", "unauthorized")
    current.rate_limiter().count("reads", me.id, cost=auth.PRICES["connect"])
    if len(current.presence().sids_of(me.id)) >= MOST_SOCKETS:
        raise _refusal(f"You can have at most {MOST_SOCKETS} open pages.", "too_many_sockets")
    current.presence().connect(sid, me.session_id, me.id)
    joined = _enter_rooms(me, sid)
    if auth.current_user() is None:  # the session ended before this socket was added
        current.presence().disconnect(sid)
        raise _refusal("You are not logged in.", "unauthorized")
    everybody = current.listing()
    state = {
        "protocol": PROTOCOL,
        "server_time": clock.iso(clock.now()),
        "limits": current.limits(),
        "me": me.to_dict(),
        "rooms": joined,
        "people_rev": everybody.rev,
        "people_tag": everybody.tag,
    }
    broadcast.welcome(sid, state)
    counts.connects += 1


def _check_protocol(data: object) -> None:
    """Refuse a page of another protocol version. A program that sends no version is accepted."""
    told = data.get("protocol") if isinstance(data, dict) else None
    is_page = told is not None or server.handshake().get("HTTP_USER_AGENT", "").startswith(BROWSER)
    if is_page and told != PROTOCOL:
        # A page with protocol 1 sends no version, and understands only the code "unauthorized". It then
        # stops and offers a link that loads the page again.
        code = "unauthorized" if told is None else "outdated"
        raise _refusal("This page is out of date. Reload it.", code)


def _refusal(message: str, code: str) -> ConnectionRefusedError:
    return ConnectionRefusedError(message, {"code": code})


def _enter_rooms(me: Identity, sid: str) -> list[dict[str, Any]]:
    """Add a socket to the Socket.IO rooms that its user needs. Return the user's rooms."""
    entered = memberships.ids_of(me.id)
    server.enter(sid, broadcast.user_name(me.id))
    server.enter(sid, broadcast.EVERYBODY)
    for room_id in entered:
        server.enter(sid, broadcast.room_name(room_id))
    joined = memberships.of(me.id)
    # If the user was removed from a room in the meantime, the removal may have missed this socket.
    for room_id in entered - {room["id"] for room in joined}:
        server.leave(sid, broadcast.room_name(room_id))
    return joined
