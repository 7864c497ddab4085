"""A small chat for several processes. PostgreSQL stores its messages, and is its broker."""

import os

from broker import PostgresManager
from flask import Flask, request
from flask_socketio import SocketIO, emit
from models import Message, db, messages_after, next_seq

DATABASE = os.environ["CHAT_DATABASE_URL"]

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE
manager = PostgresManager(DATABASE)
socketio = SocketIO(app, async_mode="threading", async_handlers=False, client_manager=manager)
db.init_app(app)
with app.app_context():
    db.create_all()

names: dict[str, str] = {}  # the sid of each open connection of this process → the person's name


@socketio.on("connect")
def handle_connect(auth: dict[str, str]) -> None:
    names[request.sid] = auth["username"]


@socketio.on("disconnect")
def handle_disconnect() -> None:
    names.pop(request.sid, None)


@socketio.on("new_message")
def handle_new_message(payload: dict[str, str]) -> dict[str, object]:
    """Store a message, and then send it."""
    message = Message(seq=next_seq(), username=names[request.sid], text=payload["text"])
    db.session.add(message)
    db.session.commit()
    emit("new_message", message.as_dict(), broadcast=True)
    return {"ok": True, "seq": message.seq}


@socketio.on("sync")
def handle_sync(payload: dict[str, int]) -> dict[str, object]:
    """Return the messages after the number `after`, which is the last one that a page has."""
    return {"ok": True, "messages": messages_after(payload["after"])}
