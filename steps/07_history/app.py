"""A chat that remembers: messages are stored, and who was away hears what was said meanwhile."""

import os
from threading import RLock

from checks import ChatError, checked_name, checked_text, count_message, field, number, sent_at
from flask import Flask, Response, redirect, render_template, request, url_for
from flask_socketio import ConnectionRefusedError, SocketIO, emit
from models import Message, db
from socketio_browser import socketio_browser

PAGE = 50  # messages that the page begins with

# What is stored stands in `instance`, beside this file, or in the folder that CHAT_DATA_DIR names.
app = Flask(__name__, instance_path=os.environ.get("CHAT_DATA_DIR"))
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///chat.db"
app.register_blueprint(socketio_browser)  # plumbing: the browser's half of Socket.IO, from here
# Always threads, whatever else is installed; and one event at a time per client.
socketio = SocketIO(app, async_mode="threading", async_handlers=False)
db.init_app(app)
with app.app_context():
    db.create_all()  # makes the tables that are missing, and changes none that is there

Answer = dict[str, object]
sockets: dict[str, str] = {}  # the open connections: the id of each → whose it is
in_turn = RLock()  # one thread at a time: what it has looked up is still so when it acts


@app.route("/")
def index() -> str:
    return render_template("index.html")


@app.route("/chat")
def chat() -> str | Response:
    username = request.args.get("username", "").strip()
    if not username:
        return redirect(url_for("index"))
    newest = db.select(Message).order_by(Message.seq.desc()).limit(PAGE)
    messages = [message.as_dict() for message in db.session.scalars(newest)][::-1]
    return render_template("chat.html", username=username, messages=messages)


@socketio.on_error_default
def handle_error(problem: Exception) -> Answer:
    """Answer with what is refused and why. Anything else is a mistake of ours: the log has it."""
    if not isinstance(problem, ChatError):
        raise problem
    if request.event["message"] == "connect":
        raise ConnectionRefusedError(problem.message, {"code": problem.code})
    return problem.answer()


@socketio.on("connect")
def handle_connect(auth: object = None) -> None:
    """Let somebody in; what is raised here refuses the connection, and says why."""
    username = checked_name(field(auth, "username"))
    with in_turn:
        if username.casefold() in [name.casefold() for name in sockets.values()]:
            raise ChatError("conflict", f"{username} is here already. Choose another name.")
        sockets[request.sid] = username


@socketio.on("disconnect")
def handle_disconnect() -> None:
    with in_turn:
        sockets.pop(request.sid, None)
        sent_at.pop(request.sid, None)


@socketio.on("new_message")
def handle_new_message(payload: object = None) -> Answer:
    """Pass on what somebody says. The author is the connection's, whatever the payload says."""
    text = checked_text(field(payload, "text"))
    count_message(request.sid)
    with in_turn:  # stored and told before the next one: everyone hears them by their numbers
        stored = Message(username=sockets[request.sid], text=text)
        db.session.add(stored)
        db.session.commit()
        message = stored.as_dict()
        emit("new_message", message, broadcast=True)
    return {"ok": True, "message": message}


@socketio.on("sync")
def handle_sync(payload: object = None) -> Answer:
    """Answer with all that was said after the message that somebody has seen last."""
    missed = db.select(Message).where(Message.seq > number(payload, "after")).order_by(Message.seq)
    return {"ok": True, "messages": [message.as_dict() for message in db.session.scalars(missed)]}


if __name__ == "__main__":  # `python app.py` serves it, too
    socketio.run(app)
