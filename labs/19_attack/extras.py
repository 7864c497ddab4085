"""Three features that somebody added in a hurry: editing, searching, and renaming a room."""

import memberships
from accounts import require_user
from checks import ChatError, checked_name, checked_text, field, number
from flask import Flask, Response, redirect, request, url_for
from flask_socketio import SocketIO
from models import Message, Room, db

Answer = dict[str, object]


def init_app(app: Flask, socketio: SocketIO) -> None:
    """Add the event and the two routes to the chat."""
    socketio.on_event("edit_message", handle_edit_message)
    app.add_url_rule("/search", view_func=search, methods=["GET"])
    app.add_url_rule("/rename_room", view_func=rename_room, methods=["GET"])


def handle_edit_message(payload: object = None) -> Answer:
    """Change the text of a message. People see it when they load the page again."""
    _, room = memberships.require_member(payload)
    text, seq = checked_text(field(payload, "text")), number(payload, "seq")
    message = db.session.get(Message, (room.id, seq))
    if not message:
        raise ChatError("not_found", "There is no such message.", field="seq")
    message.text = text
    db.session.commit()
    return {"ok": True, "message": message.as_dict()}


def search() -> str:
    """Show the messages that contain the text `q`."""
    require_user()
    q = request.args.get("q", "")
    found = db.session.scalars(db.select(Message).where(Message.text.contains(q)))
    lines = [f"<p>{each.username}: {each.text}</p>" for each in found]
    return f"<h1>Messages with {q}</h1>{''.join(lines)}"


def rename_room() -> Response:
    """Give the room `room` the new name `name`."""
    data = request.args
    _, room = memberships.require_member({"room": data.get("room", type=int)})
    name = checked_name(data.get("name"))
    if db.session.scalar(db.select(Room).filter_by(name=name)):
        raise ChatError("conflict", f"There is a room {name} already.", field="name")
    room.name = name
    db.session.commit()
    return redirect(url_for("chat", room=room.id))
