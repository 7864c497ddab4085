"""A chat for people with an account: who has logged in may read and write, and nobody else."""

import os
import secrets
from pathlib import Path
from threading import RLock
from urllib.parse import quote

from accounts import caller, known, recognise, register
from checks import ChatError, checked_name, checked_text, count_message, field, number, sent_at
from flask import Flask, Response, redirect, render_template, request, session, url_for
from flask_socketio import ConnectionRefusedError, SocketIO, emit
from flask_wtf import CSRFProtect
from models import LogIn, Message, db
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

key = Path(app.instance_path, "secret_key")  # signs the cookies: made at the first start, and kept
key.touch(mode=0o600)
key.write_text(key.read_text() or secrets.token_hex())
app.config["SECRET_KEY"] = key.read_text()
app.config["SESSION_COOKIE_NAME"] = f"chat_{quote(Path(app.root_path).name)}"  # ports share cookies
app.config.update(SESSION_COOKIE_SAMESITE="Lax", WTF_CSRF_TIME_LIMIT=None)  # pages stay open
CSRFProtect(app)

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
    session["token"] = secrets.token_urlsafe()
    db.session.add(LogIn(token=session["token"], user_id=user.id))
    db.session.commit()
    return redirect(url_for("chat"))


@app.post("/logout")
def log_out() -> Response:
    end_log_ins(LogIn.token == session.pop("token", None))
    return redirect(url_for("index"))


@app.route("/chat")
def chat() -> str | Response:
    if not (me := caller()):
        return redirect(url_for("index"))
    newest = db.select(Message).order_by(Message.seq.desc()).limit(PAGE)
    messages = [message.as_dict() for message in db.session.scalars(newest)][::-1]
    return render_template("chat.html", username=me.username, messages=messages)


@app.errorhandler(ChatError)
def show_refusal(problem: ChatError) -> tuple[str | Answer, int]:
    if request.path.startswith("/api/"):  # a script asks, not a form
        return problem.answer(), 400
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
        known()
        sockets[request.sid] = session["token"]


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
        stored = Message(username=known().username, text=text)
        db.session.add(stored)
        db.session.commit()
        message = stored.as_dict()
        emit("new_message", message, to=list(sockets))  # `broadcast` reaches who only knocks, too
    return {"ok": True, "message": message}


@socketio.on("sync")
def handle_sync(payload: object = None) -> Answer:
    """Answer with all that was said after the message that somebody has seen last."""
    known()
    missed = db.select(Message).where(Message.seq > number(payload, "after")).order_by(Message.seq)
    return {"ok": True, "messages": [message.as_dict() for message in db.session.scalars(missed)]}


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
