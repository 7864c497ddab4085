"""The JSON API. Its responses have the same form as the acknowledgements of events.

The page /api shows the docstrings of these functions.
"""

import json
import uuid
from typing import Any

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from final_app import auth, current
from final_app.accounts import accounts, invites
from final_app.accounts.sessions import Identity
from final_app.chat import history, memberships, messages, rooms, search
from final_app.errors import Invalid, NotReady
from final_app.lib import clock
from final_app.lib.audit import audited
from final_app.lib.turns import Turns
from final_app.realtime.schemas import NewMessage, parse
from final_app.web import numbers

KEPT = 60 * 60 * 24  # seconds that a browser may use a list of people without a new request

api = Blueprint("api", __name__)

_turns = Turns()  # of the people who search

Answer = dict[str, Any]


@api.get("/healthz")
def healthz() -> Answer:
    """Check that the server is alive. This needs no login and does not touch the database.

    Answers: 200 {server_time}.
    """
    return {"ok": True, "server_time": clock.iso(clock.now())}


@api.get("/readyz")
def readyz() -> tuple[Answer, int]:
    """Check that the chat can write. It tries this at most once a second. This needs no login.

    Answers: 200, or 503 with the reason in error.message.
    """
    if problem := current.readiness().problem():
        return NotReady(problem).answer(), NotReady.status
    return {"ok": True}, 200


@api.post("/rooms")
@auth.login_required
def create_room(me: Identity) -> tuple[Answer, int]:
    """Create a room.

    Sends: {name, kind: "open" or "closed"}.
    Answers: 201 {room}.
    """
    data = _body()
    room_id = rooms.create(me.id, _text(data, "name"), _text(data, "kind"))
    return {"ok": True, "room": memberships.one(me.id, room_id)}, 201


@api.get("/api/rooms")
@auth.login_required
def open_rooms(me: Identity) -> Answer:
    """List the open rooms that you are not in.

    Answers: 200 {rooms: [{id, slug, name}]}.
    """
    return {"ok": True, "rooms": memberships.open_to(me.id)}


@api.patch("/rooms/<int:room_id>")
@auth.login_required
def rename_room(me: Identity, room_id: int) -> Answer:
    """Rename a room.

    Sends: {name}.
    Answers: 200 {room}.
    """
    rooms.rename(me.id, room_id, _text(_body(), "name"))
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.delete("/rooms/<int:room_id>")
@auth.login_required
def archive_room(me: Identity, room_id: int) -> Answer:
    """Archive a room, which makes it read-only.

    Answers: 200.
    """
    rooms.archive(me.id, room_id)
    return {"ok": True}


@api.post("/rooms/<int:room_id>/unarchive")
@auth.login_required
def unarchive_room(me: Identity, room_id: int) -> Answer:
    """Make an archived room writable again.

    Answers: 200 {room}.
    """
    rooms.unarchive(me.id, room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.put("/rooms/<int:room_id>/members/<int:user_id>")
@auth.login_required
def add_member(me: Identity, room_id: int, user_id: int) -> Answer:
    """Join an open room, or add someone to a room that you are in.

    Answers: 200 {room}.
    """
    rooms.add_member(me.id, room_id, user_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.delete("/rooms/<int:room_id>/members/<int:user_id>")
@auth.login_required
def remove_member(me: Identity, room_id: int, user_id: int) -> Answer:
    """Leave a room. Its owner and administrators can also remove someone else from it.

    Answers: 200.
    """
    rooms.remove_member(me.id, room_id, user_id)
    return {"ok": True}


@api.get("/api/rooms/<int:room_id>/members")
@auth.login_required
def members(me: Identity, room_id: int) -> Answer:
    """List the members of a room.

    Answers: 200 {members: [{id, username, name, role, room_role, online}]}.
    """
    return {
        "ok": True,
        "members": current.presence().with_online(memberships.members(me.id, room_id)),
    }


@api.get("/api/people")
@auth.login_required
def everybody(me: Identity) -> Response:
    """List all people, with the list's `rev`. If your If-None-Match is current, the status is 304.

    Sends: ?tag=the tag in `welcome`. A browser that already has this list then sends no request.
    Answers: 200 {people: [{id, username, name, role}], rev}.
    """
    found = current.listing()
    answer = Response(found.body, mimetype="application/json")
    is_named = request.args.get("tag") == found.tag  # with the tag, a new list has a new URL
    answer.headers["Cache-Control"] = f"private, {f'max-age={KEPT}' if is_named else 'no-cache'}"
    answer.set_etag(found.tag)
    return answer.make_conditional(request)


@api.post("/dm/<int:user_id>")
@auth.login_required
def direct(me: Identity, user_id: int) -> Answer:
    """Get the direct room with a person. If there is none, it is created.

    Answers: 200 {room}.
    """
    room_id = rooms.direct(me.id, user_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.get("/api/rooms/<int:room_id>/messages")
@auth.login_required
def read_messages(me: Identity, room_id: int) -> Answer:
    """Get a page of messages, at most 256 kB. Without parameters, it contains the newest ones.

    Sends: ?before, after or around=seq, limit (at most 100).
    Answers: 200 {messages: [oldest … newest], first, last, last_seq, last_rev}.
    """
    where = {name: _number(name) for name in ("before", "after", "around")}
    if sum(value is not None for value in where.values()) > 1:
        raise Invalid("Use only one of before, after and around.")
    limit = _number("limit") or history.PAGE
    limit = min(limit, history.PAGE_MOST)
    return {"ok": True} | history.page(me.id, room_id, **where, limit=limit)


@api.post("/api/invites")
@auth.login_required
def invite(me: Identity) -> tuple[Answer, int]:
    """Create an invite link. Only administrators can do this.

    Answers: 201 {url, code, expires_at, uses_left}.
    """
    with audited("invite", me.username, request.remote_addr):
        made = invites.create(me.id)
    url = url_for("pages.register", invite=made["code"], _external=True)
    return {"ok": True, "url": url} | made, 201


@api.put("/api/rooms/<int:room_id>/notify")
@auth.login_required
def notify(me: Identity, room_id: int) -> Answer:
    """Choose which messages in a room you are notified about.

    Sends: {level: "all", "mentions" or "none"}.
    Answers: 200 {room}.
    """
    memberships.set_notify(me.id, room_id, _text(_body(), "level"))
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.post("/api/people/<int:user_id>/ban")
@auth.login_required
def ban(me: Identity, user_id: int) -> Answer:
    """As an administrator, ban a person: end their sessions and memberships, and revoke all invites.

    Answers: 200.
    """
    name = accounts.username_of(id=user_id)
    with audited("ban", me.username, request.remote_addr, name=name):
        accounts.ban(me.id, user_id)
    return {"ok": True}


@api.get("/api/search")
@auth.login_required
def find(me: Identity) -> Answer:
    """Search the messages in your rooms, newest first. A page of results has at most 256 kB.

    Sends: ?q=words, room=id, before=message id, limit (at most 50).
    Answers: 200 {results: [{message, room, parts: [[text, matched]]}], more}.
    """
    asked = {"room_id": _number("room"), "before": _number("before")}
    limit = _number("limit") or search.RESULTS
    with _turns.of(me.id):  # a search can take seconds; nobody should use all connections for it
        found = search.find(me.id, request.args.get("q", ""), **asked, limit=limit)
    return {"ok": True} | found


@api.post("/hooks")
@auth.login_required
def hook(me: Identity) -> tuple[Answer, int]:
    """As a bot, send a message with one request. If the client_id was used before, nothing is stored.

    Sends: {room: id or slug, text, client_id?: a UUID, reply_to?: message id, uploads?: [upload id]}.
    Answers: 201 {message, duplicate}.
    """
    current.rate_limiter().count("messages", me.id)
    sent = {"client_id": str(uuid.uuid4())} | _body()
    if isinstance(sent.get("room"), str):
        sent["room"] = memberships.by_slug(me.id, sent["room"])["id"]
    data = parse(NewMessage, (sent,))
    most = current.settings().uploads_per_message
    posted = messages.post(
        me.id, data.room, data.client_id, data.text, data.reply_to, data.uploads, most_files=most
    )
    return {"ok": True, "message": posted.message, "duplicate": posted.duplicate}, 201


def _body() -> dict[str, Any]:
    try:
        data = request.get_json(silent=True)
        if not isinstance(data, dict):
            raise Invalid("Expected a JSON object as the body.")
        json.dumps(data, ensure_ascii=False).encode()
    except RecursionError:
        raise Invalid("The body contains lists or objects that are nested too deeply.") from None
    except UnicodeEncodeError:
        raise Invalid(
            "A text in the body contains half a character (an unpaired surrogate)."
        ) from None
    return data


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise Invalid(f"Expected {name!r} as text.", field=name)
    return value


def _number(name: str) -> int | None:
    """Return a number from the query string, or None if it is missing."""
    value = request.args.get(name)
    number = numbers.parse(value or "")
    if value is not None and number is None:
        raise Invalid(f"Expected a number for {name}; got {value[:20]!r}.", field=name)
    return number
