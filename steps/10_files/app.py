"""A chat with files: they travel by HTTP, and a message says where they are."""

import os
import secrets
from pathlib import Path
from threading import RLock
from urllib.parse import quote

from accounts import caller, known, recognise, register
from checks import ChatError, checked_name, checked_text, count_message, field, number, sent_at
from files import claimed, keep, send
from flask import Flask, Response, redirect, render_template, request, session, url_for
from flask_socketio import ConnectionRefusedError, SocketIO, emit, join_room, leave_room, rooms
from flask_wtf import CSRFProtect
from models import LogIn, Message, Room, User, db
from socketio_browser import socketio_browser

STATUS = {"unauthorized": 401, "forbidden": 403, "not_found": 404}  # of HTTP; otherwise 400
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
    db.session.merge(Room(id=1, name="general"))
    db.session.commit()

key = Path(app.instance_path, "secret_key")  # signs the cookies: made at the first start, and kept
key.touch(mode=0o600)
key.write_text(key.read_text() or secrets.token_hex())
app.config["SECRET_KEY"] = key.read_text()
app.config["SESSION_COOKIE_NAME"] = f"chat_{quote(Path(app.root_path).name)}"  # ports share cookies
app.config.update(SESSION_COOKIE_SAMESITE="Lax", WTF_CSRF_TIME_LIMIT=None)  # pages stay open
CSRFProtect(app)
app.config["MAX_CONTENT_LENGTH"] = 5 * 1024 * 1024  # bytes of a request, and so of a file

Answer = dict[str, object]
sockets: dict[str, str] = {}  # the open connections: the id of each → whose it is
in_turn = RLock()  # one thread at a time: what it has looked up is still so when it acts


@app.route("/")
def index() -> str:
    return render_template("index.html")


@app.post("/register")
def register_and_log_in() -> Response:
    with in_turn:  # two people may want a name in the same moment
        register(checked_name(request.form["username"]), request.form["password"])
    return log_in()


@app.post("/login")
def log_in() -> Response:
    user = recognise(request.form["username"], request.form["password"])
    end_log_ins(LogIn.token == session.get("token"))  # whoever was logged in here before
    user.rooms = user.rooms or {db.session.get(Room, 1)}  # everybody begins in "general"
    session["token"] = secrets.token_urlsafe()
    db.session.add(LogIn(token=session["token"], user_id=user.id))
    db.session.commit()
    return redirect(url_for("chat"))


@app.post("/logout")
def log_out() -> Response:
    end_log_ins(LogIn.token == session.pop("token", None))
    return redirect(url_for("index"))


@app.post("/rooms")
def open_room() -> Response:
    """Join the room of that name; make it when there is none."""
    me, name = known(), checked_name(request.form["name"])
    with in_turn:
        room = db.session.scalar(db.select(Room).filter_by(name=name)) or Room(name=name)
        me.rooms.add(room)
        db.session.commit()
        tell_presence(room.id)
    return redirect(url_for("chat", room_id=room.id))


@app.route("/chat")
@app.route("/chat/<int:room_id>")
def chat(room_id: int = 0) -> str | Response | tuple[str, int]:
    if not (me := caller()):
        return redirect(url_for("index"))
    room_id = room_id or min([room.id for room in me.rooms], default=0)
    if room_id and room_id not in {room.id for room in me.rooms}:
        return "There is no such room, or you are not in it.", 404
    newest = db.select(Message).filter_by(room_id=room_id).order_by(Message.seq.desc()).limit(PAGE)
    messages = [message.as_dict() for message in db.session.scalars(newest)][::-1]
    every = db.session.scalars(db.select(Room)).all()
    return render_template("chat.html", me=me, room_id=room_id, every=every, messages=messages)


@app.post("/api/uploads")
def upload() -> tuple[Answer, int]:
    """Take the fields `room` and `file` of a form; a message may name the file then."""
    me, room = place({"room": request.form.get("room", type=int)})
    file = request.files["file"]
    return {"ok": True, "upload": keep(file.read(), file.filename, me, room).as_dict()}, 201


@app.route("/files/<upload_id>")
def download(upload_id: str) -> Response:
    return send(upload_id, caller())


@app.errorhandler(413)
def show_too_large(problem: Exception) -> tuple[Answer, int]:
    return ChatError("invalid", "Expected at most 5 MB.", field="file").answer(), 413


@app.errorhandler(ChatError)
def show_refusal(problem: ChatError) -> tuple[str | Answer, int]:
    if request.path.startswith("/api/"):  # a script asks, not a form
        return problem.answer(), STATUS.get(problem.code, 400)
    return render_template("index.html", problem=problem.message), 400


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
    with in_turn:
        me = known()
        sockets[request.sid] = session["token"]
        for room in me.rooms:
            tell_presence(room.id)


@socketio.on("disconnect")
def handle_disconnect() -> None:
    with in_turn:
        sockets.pop(request.sid, None)
        sent_at.pop(request.sid, None)
        for room_id in {*rooms()} - {request.sid}:
            tell_presence(room_id)


@socketio.on("new_message")
def handle_new_message(payload: object = None) -> Answer:
    """Pass on what somebody says. The author is the connection's, whatever the payload says."""
    text, uploads = field(payload, "text"), field(payload, "uploads") or []
    text = checked_text(text) if text or not uploads else ""  # a file needs no words
    count_message(request.sid)
    with in_turn:  # stored and told before the next one: everyone hears them by their numbers
        me, room = place(payload)
        last = db.session.scalar(db.select(db.func.max(Message.seq)).filter_by(room_id=room.id))
        stored = Message(room_id=room.id, seq=(last or 0) + 1, username=me.username, text=text)
        stored.uploads = claimed(uploads, me, room)
        db.session.add(stored)
        db.session.commit()
        message = stored.as_dict()
        emit("new_message", message, to=room.id)
    return {"ok": True, "message": message}


@socketio.on("sync")
def handle_sync(payload: object = None) -> Answer:
    """Answer with all that was said after the message that somebody has seen last."""
    _, room = place(payload)
    missed = db.select(Message).where(Message.seq > number(payload, "after")).order_by(Message.seq)
    missed = missed.filter_by(room_id=room.id)
    return {"ok": True, "messages": [message.as_dict() for message in db.session.scalars(missed)]}


@socketio.on("join_room")
def handle_join_room(payload: object = None) -> Answer:
    """Make somebody a member of a room: from now on they hear what is said there."""
    with in_turn:
        me, room = place(payload, inside=False)
        me.rooms.add(room)
        db.session.commit()
        tell_presence(room.id)
    return {"ok": True, "room": {"id": room.id, "name": room.name}}


@socketio.on("leave_room")
def handle_leave_room(payload: object = None) -> Answer:
    """End a membership: none of the person's windows hears the room any more."""
    with in_turn:
        me, room = place(payload)
        me.rooms.remove(room)
        db.session.commit()
        tell_presence(room.id)
    return {"ok": True}


def place(payload: object, inside: bool = True) -> tuple[User, Room]:
    """Return who asks, and the room that is meant. Raises ChatError unless they are in it."""
    me, room = known(), db.session.get(Room, number(payload, "room"))
    if not room:
        raise ChatError("not_found", "There is no such room.", field="room")
    if inside and room not in me.rooms:
        raise ChatError("forbidden", f"You are not in the room {room.name}.", field="room")
    return me, room


def tell_presence(room_id: int) -> None:
    """Let all windows of a room's people hear it, and nobody else's; tell them who is here."""
    members = db.select(LogIn.token, User.username).join(User).where(User.rooms.any(id=room_id))
    people = dict(db.session.execute(members).all())  # the token of each log-in → whose it is
    for sid, token in sockets.items():
        hear = join_room if token in people else leave_room
        hear(room_id, sid, "/")
    online = {people[token] for token in sockets.values() if token in people}
    socketio.emit("presence", {"room": room_id, "online": sorted(online)}, to=room_id)


def end_log_ins(*which: object) -> None:
    """End the log-ins that are meant, and close the sockets that were opened with them."""
    with in_turn:
        ended = db.session.scalars(db.delete(LogIn).where(*which).returning(LogIn.token)).all()
        db.session.commit()
        for sid in [sid for sid, token in sockets.items() if token in ended]:
            del sockets[sid]  # it is let in no more
            socketio.emit("session_ended", {"reason": "You are logged out."}, to=sid)
            socketio.server.disconnect(sid)


if __name__ == "__main__":  # `python app.py` serves it, too
    socketio.run(app)
