"""JSON over HTTP: rooms, people, history. The same answers as over the socket."""

import json
import uuid
from typing import Any

from flask import Blueprint, request, url_for

from final_app import (
    accounts,
    announce,
    clock,
    gate,
    history,
    memberships,
    people,
    presence,
    rooms,
    search,
)
from final_app import messages as talk
from final_app.errors import Invalid
from final_app.log_ins import Me
from final_app.models import db
from final_app.payloads import NewMessage, parsed

api = Blueprint("api", __name__)

Answer = dict[str, Any]


@api.get("/healthz")
def healthz() -> Answer:
    """Say that the process serves and the database answers; for everybody.

    Answers: 200 {database: "ok", server_time}.
    """
    db.session.execute(db.text("SELECT 1"))
    return {"ok": True, "database": "ok", "server_time": clock.iso(clock.now())}


@api.post("/rooms")
@gate.for_people
def create_room(me: Me) -> tuple[Answer, int]:
    """Make a room.

    Sends: {name, kind: "open" or "closed"}.
    Answers: 201 {room}.
    """
    data = _body()
    room_id = rooms.create(me.id, _text(data, "name"), _text(data, "kind"))
    announce.room(room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}, 201


@api.get("/api/rooms")
@gate.for_people
def open_rooms(me: Me) -> Answer:
    """List the open rooms that one is not in.

    Answers: 200 {rooms: [{id, slug, name}]}.
    """
    return {"ok": True, "rooms": memberships.open_to(me.id)}


@api.patch("/rooms/<int:room_id>")
@gate.for_people
def rename_room(me: Me, room_id: int) -> Answer:
    """Give a room another name.

    Sends: {name}.
    Answers: 200 {room}.
    """
    rooms.rename(me.id, room_id, _text(_body(), "name"))
    announce.room(room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.delete("/rooms/<int:room_id>")
@gate.for_people
def archive_room(me: Me, room_id: int) -> Answer:
    """Close a room for writing.

    Answers: 200.
    """
    rooms.archive(me.id, room_id)
    announce.room(room_id)
    return {"ok": True}


@api.put("/rooms/<int:room_id>/members/<int:user_id>")
@gate.for_people
def add_member(me: Me, room_id: int, user_id: int) -> Answer:
    """Join an open room, or bring somebody into a room one is in.

    Answers: 200 {room}.
    """
    if rooms.bring(me.id, room_id, user_id):
        announce.room(room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.delete("/rooms/<int:room_id>/members/<int:user_id>")
@gate.for_people
def remove_member(me: Me, room_id: int, user_id: int) -> Answer:
    """Leave a room, or take somebody out of one's own.

    Answers: 200.
    """
    rooms.remove(me.id, room_id, user_id)
    announce.removed(room_id, user_id)
    announce.room(room_id)
    return {"ok": True}


@api.get("/api/rooms/<int:room_id>/members")
@gate.for_people
def members(me: Me, room_id: int) -> Answer:
    """List the people of a room.

    Answers: 200 {members: [{id, username, name, role, room_role, online}]}.
    """
    return {"ok": True, "members": presence.marked(memberships.members(me.id, room_id))}


@api.get("/api/people")
@gate.for_people
def everybody(me: Me) -> Answer:
    """List everybody.

    Answers: 200 {people: [{id, username, name, role, online}]}.
    """
    return {"ok": True, "people": presence.marked(people.everybody())}


@api.post("/dm/<int:user_id>")
@gate.for_people
def direct(me: Me, user_id: int) -> Answer:
    """Open the conversation with one person.

    Answers: 200 {room}.
    """
    room_id = rooms.direct(me.id, user_id)
    announce.room(room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.get("/api/rooms/<int:room_id>/messages")
@gate.for_people
def messages(me: Me, room_id: int) -> Answer:
    """Read a page of a room, the newest one without a parameter.

    Sends: ?before, after or around=seq, limit (100 at most).
    Answers: 200 {messages: [oldest … newest], first, last, last_seq, last_rev}.
    """
    where = {name: _number(name) for name in ("before", "after", "around")}
    if sum(value is not None for value in where.values()) > 1:
        raise Invalid("Name one of before, after and around.")
    limit = _number("limit") or history.PAGE
    limit = min(limit, history.PAGE_MOST)
    return {"ok": True} | history.page(me.id, room_id, **where, limit=limit)


@api.post("/api/invites")
@gate.for_people
def invite(me: Me) -> tuple[Answer, int]:
    """Make an invite link, as an administrator.

    Answers: 201 {url, code, expires_at, uses_left}.
    """
    made = accounts.invite(me.id)
    url = url_for("pages.register", invite=made["code"], _external=True)
    return {"ok": True, "url": url} | made, 201


@api.put("/api/rooms/<int:room_id>/notify")
@gate.for_people
def notify(me: Me, room_id: int) -> Answer:
    """Set of what in a room one wants to hear.

    Sends: {level: "all", "mentions" or "none"}.
    Answers: 200 {room}.
    """
    memberships.set_notify(me.id, room_id, _text(_body(), "level"))
    announce.place(me.id, room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.post("/api/people/<int:user_id>/ban")
@gate.for_people
def ban(me: Me, user_id: int) -> Answer:
    """Shut somebody out, as an administrator: log-ins end, rooms are left.

    Answers: 200.
    """
    ended, left = accounts.ban(me.id, user_id)
    announce.gone(user_id, ended, left, "banned")
    return {"ok": True}


@api.get("/api/search")
@gate.for_people
def find(me: Me) -> Answer:
    """Find messages by their words, in the rooms one is in, the newest first.

    Sends: ?q=words, room=id, before=message id, limit (50 at most).
    Answers: 200 {results: [{message, room, parts: [[text, matched]]}], more}.
    """
    found = search.find(
        me.id,
        request.args.get("q", ""),
        room_id=_number("room"),
        before=_number("before"),
        limit=_number("limit") or search.RESULTS,
    )
    return {"ok": True} | found


@api.post("/hooks")
@gate.for_people
def hook(me: Me) -> tuple[Answer, int]:
    """Say something in a room, in one request: for bots. The same client_id is said once.

    Sends: {room: id or slug, text, client_id?: a UUID}.
    Answers: 201 {message, duplicate}.
    """
    gate.throttle().count("messages", me.id)
    sent = {"client_id": str(uuid.uuid4())} | _body()
    if isinstance(sent.get("room"), str):
        sent["room"] = memberships.by_slug(me.id, sent["room"])["id"]
    data = parsed(NewMessage, (sent,))
    posted = talk.post(me.id, data.room, data.client_id, data.text)
    if not posted.duplicate:
        announce.message("new_message", posted.message)
    return {"ok": True, "message": posted.message, "duplicate": posted.duplicate}, 201


def _body() -> dict[str, Any]:
    data = request.get_json(silent=True)
    if not isinstance(data, dict):
        raise Invalid("Expected a JSON object as the body.")
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Invalid(
            "A text in the body holds half a character: it can be stored nowhere."
        ) from None
    return data


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise Invalid(f"Expected {name!r} as text.", field=name)
    return value


def _number(name: str) -> int | None:
    """Return a number of the query string; None when it is not there."""
    value = request.args.get(name)
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        raise Invalid(f"Expected a number for {name}; came {value[:20]!r}.", field=name)
    return int(value)
