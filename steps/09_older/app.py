"""A chat whose pages can load older messages."""

import os
from threading import RLock

from checks import ChatError, checked_name, checked_text, field
from flask import Flask, Response, redirect, render_template, request, url_for
from flask_socketio import ConnectionRefusedError, SocketIO, emit
from models import Message, db, page_before
from socketio_browser import socketio_browser

LARGEST = 2**53 - 1  # the largest whole number that JavaScript can count to

# The data is in the folder `instance` beside this file, or in the folder that CHAT_DATA_DIR names.
app = Flask(__name__, instance_path=os.environ.get("CHAT_DATA_DIR"))
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///chat.db"
app.register_blueprint(socketio_browser)  # plumbing: serve the browser's part of Socket.IO
# Always use threads, whatever else is installed, and handle a client's events one by one.
socketio = SocketIO(app, async_mode="threading", async_handlers=False)
db.init_app(app)
with app.app_context():
    db.create_all()  # creates missing tables, but does not change existing ones

Answer = dict[str, object]
sockets: dict[str, str] = {}  # the sid of each open connection → the person's name
lock = RLock()  # only one thread at a time can be in a block that starts with `with lock:`


@app.route("/")
def index() -> str:
    return render_template("index.html")


@app.route("/chat")
def chat() -> str | Response:
    username = request.args.get("username", "").strip()
    if not username:
        return redirect(url_for("index"))
    messages = page_before(LARGEST)
    return render_template("chat.html", username=username, messages=messages)


@app.route("/api/messages")
def older_messages() -> Answer:
    """Return the messages before the number `before`, as JSON."""
    before = max(0, min(request.args.get("before", LARGEST, type=int), LARGEST))
    return {"ok": True, "messages": page_before(before)}


@socketio.on_error_default
def handle_error(error: Exception) -> Answer:
    """Answer with the reason for a refusal. Any other exception is a bug, and goes to the log."""
    if not isinstance(error, ChatError):
        raise error
    if request.event["message"] == "connect":  # there is no acknowledgement for `connect`
        raise ConnectionRefusedError(error.message, {"code": error.code})
    return error.answer()


@socketio.on("connect")
def handle_connect(auth: object = None) -> None:
    """Store the name that a client connects with. A ChatError refuses the connection."""
    username = checked_name(field(auth, "username"))
    with lock:
        if username.casefold() in [name.casefold() for name in sockets.values()]:
            raise ChatError("conflict", f"{username} is here already. Choose another name.")
        sockets[request.sid] = username


@socketio.on("disconnect")
def handle_disconnect() -> None:
    with lock:
        sockets.pop(request.sid, None)


@socketio.on("new_message")
def handle_new_message(payload: object = None) -> Answer:
    """Check a message, store it, and then send it."""
    text = checked_text(field(payload, "text"))
    with lock:  # so that everyone gets the messages in the order of their numbers
        stored = Message(username=sockets[request.sid], text=text)
        db.session.add(stored)
        db.session.commit()
        message = stored.as_dict()
        emit("new_message", message, broadcast=True)
    return {"ok": True, "message": message}


if __name__ == "__main__":  # `python app.py` works, too
    socketio.run(app)
