"""A chat: what one person sends, the server broadcasts to everyone."""

from flask import Flask, Response, redirect, render_template, request, url_for
from flask_socketio import SocketIO, emit, send
from socketio_browser import socketio_browser

app = Flask(__name__)
app.register_blueprint(socketio_browser)  # plumbing: serve the browser's part of Socket.IO
# Always use threads, whatever else is installed, and handle a client's events one by one.
socketio = SocketIO(app, async_mode="threading", async_handlers=False)

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


@socketio.on("message")
def handle_message(text: str) -> None:
    """Send plain text on to everyone: `send` always uses the event `message`."""
    send(text, broadcast=True)


@socketio.on("new_message")
def handle_new_message(message: dict[str, str]) -> dict[str, bool]:
    """Take {"username": str, "text": str} and return the acknowledgement."""
    emit("new_message", message, broadcast=True)
    return {"ok": True}


if __name__ == "__main__":  # `python app.py` works, too
    socketio.run(app)
