"""A chat with accounts: only people who are logged in can open it."""

import os
from threading import RLock

import accounts
from checks import LARGEST, ChatError, checked_name, checked_text, field, number
from flask import Flask, Response, redirect, render_template, request, session, url_for
from flask_socketio import ConnectionRefusedError, SocketIO, emit
from models import Message, db, messages_after, page_before
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
sockets: dict[str, str] = {}  # the sid of each open connection → the person's name
lock = RLock()  # only one thread at a time can be in a block that starts with `with lock:`


@app.route("/")
def index() -> str:
    return render_template("index.html")


@app.post("/register")
def create_account() -> Response:
    with lock:  # two people can ask for the same name at the same moment
        accounts.register(checked_name(request.form["username"]), request.form["password"])
    return log_in()


@app.post("/login")
def log_in() -> Response:
    user = accounts.authenticate(request.form["username"], request.form["password"])
    session["user_id"] = user.id
    return redirect(url_for("chat"))


@app.post("/logout")
def log_out() -> Response:
    session.clear()
    return redirect(url_for("index"))


@app.route("/chat")
def chat() -> str | Response:
    user = accounts.current_user()
    if not user:
        return redirect(url_for("index"))
    messages = page_before(LARGEST)
    return render_template("chat.html", user=user, messages=messages)


@app.route("/api/messages")
def older_messages() -> Answer:
    """Return the messages before the number `before`, as JSON."""
    accounts.require_user()
    before = max(0, min(request.args.get("before", LARGEST, type=int), LARGEST))
    return {"ok": True, "messages": page_before(before)}


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


@socketio.on("sync")
def handle_sync(payload: object = None) -> Answer:
    """Return the messages after the number `after`, which is the last one that a page has."""
    return {"ok": True, "messages": messages_after(number(payload, "after"))}


if __name__ == "__main__":  # `python app.py` works, too
    socketio.run(app)
