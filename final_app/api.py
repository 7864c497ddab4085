"""JSON over HTTP: rooms, people, history. The same answers as over the socket."""

from typing import Any

from flask import Blueprint, request, url_for

from final_app import accounts, announce, clock, gate, history, memberships, people, presence, rooms
from final_app.errors import Invalid
from final_app.log_ins import Me
from final_app.models import db

api = Blueprint("api", __name__)

Answer = dict[str, Any]


@api.get("/healthz")
def healthz() -> Answer:
    """Say that the process serves and the database answers. For everybody."""
    db.session.execute(db.text("SELECT 1"))
    return {"ok": True, "database": "ok", "server_time": clock.iso(clock.now())}


@api.post("/rooms")
@gate.for_people
def create_room(me: Me) -> tuple[Answer, int]:
    data = _body()
    room_id = rooms.create(me.id, _text(data, "name"), _text(data, "kind"))
    announce.room(room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}, 201


@api.get("/api/rooms")
@gate.for_people
def open_rooms(me: Me) -> Answer:
    return {"ok": True, "rooms": memberships.open_to(me.id)}


@api.patch("/rooms/<int:room_id>")
@gate.for_people
def rename_room(me: Me, room_id: int) -> Answer:
    rooms.rename(me.id, room_id, _text(_body(), "name"))
    announce.room(room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.delete("/rooms/<int:room_id>")
@gate.for_people
def archive_room(me: Me, room_id: int) -> Answer:
    rooms.archive(me.id, room_id)
    announce.room(room_id)
    return {"ok": True}


@api.put("/rooms/<int:room_id>/members/<int:user_id>")
@gate.for_people
def add_member(me: Me, room_id: int, user_id: int) -> Answer:
    if rooms.bring(me.id, room_id, user_id):
        announce.room(room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.delete("/rooms/<int:room_id>/members/<int:user_id>")
@gate.for_people
def remove_member(me: Me, room_id: int, user_id: int) -> Answer:
    rooms.remove(me.id, room_id, user_id)
    announce.removed(room_id, user_id)
    announce.room(room_id)
    return {"ok": True}


@api.get("/api/rooms/<int:room_id>/members")
@gate.for_people
def members(me: Me, room_id: int) -> Answer:
    return {"ok": True, "members": presence.marked(memberships.members(me.id, room_id))}


@api.get("/api/people")
@gate.for_people
def everybody(me: Me) -> Answer:
    return {"ok": True, "people": presence.marked(people.everybody())}


@api.post("/dm/<int:user_id>")
@gate.for_people
def direct(me: Me, user_id: int) -> Answer:
    room_id = rooms.direct(me.id, user_id)
    announce.room(room_id)
    return {"ok": True, "room": memberships.one(me.id, room_id)}


@api.get("/api/rooms/<int:room_id>/messages")
@gate.for_people
def messages(me: Me, room_id: int) -> Answer:
    where = {name: _number(name) for name in ("before", "after", "around")}
    if sum(value is not None for value in where.values()) > 1:
        raise Invalid("Name one of before, after and around.")
    limit = _number("limit") or history.PAGE
    limit = min(limit, history.PAGE_MOST)
    return {"ok": True} | history.page(me.id, room_id, **where, limit=limit)


@api.post("/api/invites")
@gate.for_people
def invite(me: Me) -> tuple[Answer, int]:
    made = accounts.invite(me.id)
    url = url_for("pages.register", invite=made["code"], _external=True)
    return {"ok": True, "url": url} | made, 201


def _body() -> dict[str, Any]:
    data = request.get_json(silent=True)
    if not isinstance(data, dict):
        raise Invalid("Expected a JSON object as the body.")
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
