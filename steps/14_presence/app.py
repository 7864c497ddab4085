"""A chat with presence: each room shows which of its members are here."""

import os
from threading import RLock

import accounts
import memberships
from checks import LARGEST, ChatError, checked_name, checked_text, field, number
from flask import Flask, Response, redirect, render_template, request, session, url_for
from flask_socketio import ConnectionRefusedError, SocketIO, emit, join_room, rooms
from models import Login, Message, Room, db, messages_after, next_seq, page_before
from socketio_browser import socketio_browser

# The status codes of refusals; all others are 400.
STATUS = {"unauthorized": 401, "forbidden": 403, "not_found": 404}

# The data is in the folder `instance` beside this file, or in the folder that CHAT_DATA_DIR names.
app = Flask(__name__, instance_path=os.environ.get("CHAT_DATA_DIR"))
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///chat.db"
app.register_blueprint(socketio_browser)  # plumbing: serve the browser's part of Socket.IO
# Always use threads, whatever else is installed, and handle a client's events one by one.
socketio = SocketIO(app, async_mode="threading", async_handlers=False)
db.init_app(app)
accounts.init_app(app)  # after the database, which creates the instance folder
with app.app_context():
    db.create_all()  # creates missing tables, but does not change existing ones

Answer = dict[str, object]
sockets: dict[str, str] = {}  # the sid of each open connection → the token of its session
lock = RLock()  # only one thread at a time can be in a block that starts with `with lock:`


@app.route("/")
def index() -> str:
    return render_template("index.html")


@app.post("/register")
def create_account() -> Response:
    with lock:  # two people can ask for the same name at the same moment
        user = accounts.register(checked_name(request.form["username"]), request.form["password"])
        memberships.join(user, "general")  # everybody begins in the same room
    return log_in()


@app.post("/login")
def log_in() -> Response:
    user = accounts.authenticate(request.form["username"], request.form["password"])
    end_sessions(Login.token == session.get("token"))  # this browser's previous session, if any
    accounts.start_session(user)
    return redirect(url_for("chat"))


@app.post("/logout")
def log_out() -> Response:
    end_sessions(Login.token == session.pop("token", None))
    return redirect(url_for("index"))


@app.post("/rooms")
def open_room() -> Response:
    """Join the room with this name. If there is none, create it."""
    user, name = accounts.require_user(), checked_name(request.form["name"])
    with lock:
        room = memberships.join(user, name)
        memberships.update_sockets(room.id, sockets)
        tell_presence(room.id)
    return redirect(url_for("chat", room=room.id))


@app.route("/chat")
def chat() -> str | Response | tuple[str, int]:
    user = accounts.current_user()
    if not user:
        return redirect(url_for("index"))
    mine = [room.id for room in user.rooms]
    room_id = request.args.get("room", min(mine, default=0), type=int)
    if room_id and room_id not in mine:
        return "There is no such room, or you are not in it.", 404
    messages = page_before(room_id, LARGEST)
    every = db.session.scalars(db.select(Room)).all()
    return render_template("chat.html", user=user, room_id=room_id, every=every, messages=messages)


@app.route("/api/messages")
def older_messages() -> Answer:
    """Return the messages before the number `before`, as JSON."""
    _, room = memberships.require_member({"room": request.args.get("room", type=int)})
    before = max(0, min(request.args.get("before", LARGEST, type=int), LARGEST))
    return {"ok": True, "messages": page_before(room.id, before)}


@app.errorhandler(ChatError)
def show_refusal(error: ChatError) -> tuple[str | Answer, int]:
    """Answer a script with JSON, and a form with the front page."""
    status = STATUS.get(error.code, 400)
    if request.path.startswith("/api/"):
        return error.answer(), status
    return render_template("index.html", problem=error.message), status


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
    """Store the session that a client connects with. A ChatError refuses the connection."""
    with lock:
        user = accounts.require_user()
        sockets[request.sid] = session["token"]
        for room in user.rooms:
            join_room(room.id)
            tell_presence(room.id)


@socketio.on("disconnect")
def handle_disconnect() -> None:
    with lock:
        sockets.pop(request.sid, None)
        for room_id in {*rooms()} - {request.sid}:  # every socket also has a room of its own
            tell_presence(room_id)


@socketio.on("new_message")
def handle_new_message(payload: object = None) -> Answer:
    """Check a message, store it, and then send it."""
    text = checked_text(field(payload, "text"))
    with lock:  # so that everyone gets the messages in the order of their numbers
        user, room = memberships.require_member(payload)
        seq = next_seq(room.id)
        stored = Message(room_id=room.id, seq=seq, username=user.username, text=text)
        db.session.add(stored)
        db.session.commit()
        message = stored.as_dict()
        emit("new_message", message, to=room.id)
    return {"ok": True, "message": message}


@socketio.on("sync")
def handle_sync(payload: object = None) -> Answer:
    """Return the messages after the number `after`, which is the last one that a page has."""
    _, room = memberships.require_member(payload)
    return {"ok": True, "messages": messages_after(room.id, number(payload, "after"))}


@socketio.on("leave_room")
def handle_leave_room(payload: object = None) -> Answer:
    """End a membership. From now on, none of the person's pages receives the room's messages."""
    with lock:
        user, room = memberships.require_member(payload)
        memberships.leave(user, room)
        memberships.update_sockets(room.id, sockets)
        tell_presence(room.id)
    return {"ok": True}


def tell_presence(room_id: int) -> None:
    """Tell a room's members which of them are here. A person with two pages counts once."""
    members = memberships.members_by_token(room_id)
    online = {members[token] for token in sockets.values() if token in members}
    socketio.emit("presence", {"room": room_id, "online": sorted(online)}, to=room_id)


def end_sessions(*which: object) -> None:
    """End the sessions that these conditions select, and close the sockets that belong to them."""
    with lock:
        ended = accounts.delete_sessions(*which)
        for sid in [sid for sid, token in sockets.items() if token in ended]:
            del sockets[sid]  # it no longer has a session
            socketio.emit("session_ended", {"reason": "You are logged out."}, to=sid)
            socketio.server.disconnect(sid)


if __name__ == "__main__":  # `python app.py` works, too
    socketio.run(app)
