"""The pages can talk to the server: an event goes up, an acknowledgement comes back."""

from flask import Flask, Response, redirect, render_template, request, url_for
from flask_socketio import SocketIO, send
from socketio_browser import socketio_browser

app = Flask(__name__)
app.register_blueprint(socketio_browser)  # plumbing: the browser's half of Socket.IO, from here
# Always threads, whatever else is installed; and one event at a time per client.
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
    """Send a plain text back to whoever sent it: `send` always uses the event `message`."""
    send(text)


@socketio.on("new_message")
def handle_new_message(message: dict[str, str]) -> dict[str, bool]:
    """Take {"username": str, "text": str}; what is returned is the acknowledgement."""
    return {"ok": True}


if __name__ == "__main__":  # `python app.py` serves it, too
    socketio.run(app)
