"""A chat that checks each message, and says why if it refuses one."""

from checks import ChatError, checked_name, checked_text, field
from flask import Flask, Response, redirect, render_template, request, url_for
from flask_socketio import SocketIO, emit
from socketio_browser import socketio_browser

app = Flask(__name__)
app.register_blueprint(socketio_browser)  # plumbing: serve the browser's part of Socket.IO
# Always use threads, whatever else is installed, and handle a client's events one by one.
socketio = SocketIO(app, async_mode="threading", async_handlers=False)

Answer = dict[str, object]
messages: list[dict[str, str]] = []  # {"username": …, "text": …}; nothing is kept yet


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
    return error.answer()


@socketio.on("new_message")
def handle_new_message(payload: object = None) -> Answer:
    """Check a message and send it to everyone."""
    username = checked_name(field(payload, "username"))
    text = checked_text(field(payload, "text"))
    message = {"username": username, "text": text}
    emit("new_message", message, broadcast=True)
    return {"ok": True, "message": message}


if __name__ == "__main__":  # `python app.py` works, too
    socketio.run(app)
