"""Flask-SocketIO as it is, on gevent's WSGI server, which sends each message to everybody.

    python benchmarks/peers/stock.py PORT

WebSocket comes from simple-websocket, which Flask-SocketIO installs. The only thing that differs from
`socketio.run` is TCP_NODELAY, which gunicorn sets too. Without it, Nagle's algorithm and delayed
acknowledgements would leave the server waiting for 40 ms at a time.
"""

from gevent import monkey

monkey.patch_all()

import socket  # noqa: E402
import sys  # noqa: E402

from flask import Flask  # noqa: E402
from flask_socketio import SocketIO, emit  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

app = Flask(__name__)
socketio = SocketIO(app, async_mode="gevent")


@socketio.on("new_message")
def new_message(text: str) -> None:
    emit("new_message", text, broadcast=True)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    WSGIServer(listener, app, log=None).serve_forever()
