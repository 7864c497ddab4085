"""The smallest chat: it broadcasts each message. `fanout.py` delivers it to everybody."""

from fanout import Fanout
from flask import Flask
from flask_socketio import emit

from final_app.wire.server import SocketIO

app = Flask(__name__)
socketio = SocketIO(app, async_mode="gevent", async_handlers=False, client_manager=Fanout())


@socketio.on("new_message")
def handle_new_message(message: dict[str, str]) -> None:
    emit("new_message", message, broadcast=True)
