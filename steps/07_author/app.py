"""A chat that knows the author of each message: the name belongs to the connection."""

from threading import RLock

from checks import ChatError, checked_name, checked_text, field
from flask import Flask, Response, redirect, render_template, request, url_for
from flask_socketio import ConnectionRefusedError, SocketIO, emit
from socketio_browser import socketio_browser

app = Flask(__name__)
app.register_blueprint(socketio_browser)  # plumbing: serve the browser's part of Socket.IO
# Always use threads, whatever else is installed, and handle a client's events one by one.
socketio = SocketIO(app, async_mode="threading", async_handlers=False)

Answer = dict[str, object]
messages: list[dict[str, str]] = []  # {"username": …, "text": …}; nothing is kept yet
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
    return render_template("chat.html", username=username, messages=messages)


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
    """Check a message and send it to everyone. Its author is whoever opened the connection."""
    text = checked_text(field(payload, "text"))
    message = {"username": sockets[request.sid], "text": text}
    emit("new_message", message, broadcast=True)
    return {"ok": True, "message": message}


if __name__ == "__main__":  # `python app.py` works, too
    socketio.run(app)
