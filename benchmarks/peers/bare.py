"""Flask-SocketIO on `final_app.wire`, without a chat: it sends each message to everybody.

    python benchmarks/peers/bare.py PORT

Beside the whole chat, it shows how much of a message's cost is that of `wire/`.
"""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

from flask import Flask  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from final_app.wire.handler import Handler  # noqa: E402
from final_app.wire.server import SocketIO  # noqa: E402

app = Flask(__name__)
socketio = SocketIO(app, async_mode="gevent", async_handlers=False, request_context=False)


@socketio.on("new_message")
def new_message(text: str) -> None:
    socketio.emit("new_message", text)


if __name__ == "__main__":
    address = "127.0.0.1", int(sys.argv[1])
    WSGIServer(address, app, backlog=1024, handler_class=Handler, log=None).serve_forever()
