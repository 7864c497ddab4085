"""An application on final_app.wire without a chat, which echoes. As a script, it serves itself.

    python tests/wire/bare.py PORT ping_interval=1 CONNECT_PATIENCE=0.5

An option in lowercase is passed to SocketIO, and one in capitals replaces a constant of wire.
"""

from gevent import monkey

monkey.patch_all()

import ast  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from flask import Flask, request  # noqa: E402
from flask_socketio import ConnectionRefusedError, emit, join_room, leave_room  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from werkzeug.middleware.proxy_fix import ProxyFix  # noqa: E402

from final_app.wire import body, connection, engine, handler, turns, websocket, writer  # noqa: E402
from final_app.wire import server as wire  # noqa: E402

OPTIONS = {
    "async_mode": "gevent",
    "async_handlers": False,
    "max_http_buffer_size": 100_000,
    "ping_interval": 25,
    "ping_timeout": 20,
    "manage_session": False,
}
STOP_PATIENCE = 2.0  # seconds

app = Flask(__name__)
socketio = wire.SocketIO()


def configure(words: list[str]) -> None:
    """Apply the options of the command line, and attach the application to its server."""
    options: dict[str, Any] = dict(OPTIONS)
    for word in words:
        name, _, value = word.partition("=")
        if name.islower():
            options[name] = ast.literal_eval(value)
            continue
        modules = (body, connection, engine, handler, turns, websocket, writer)
        places = [each for each in modules if hasattr(each, name)]
        assert places, f"wire has no {name}"
        for place in places:
            setattr(place, name, ast.literal_eval(value))
    socketio.init_app(app, credential=lambda environ: environ.get("HTTP_COOKIE", ""), **options)
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]  # a client can have any address


def serve(port: int) -> None:
    server = WSGIServer(("127.0.0.1", port), app, handler_class=handler.Handler, log=None)
    server.start()
    stop = Event()
    gevent.signal_handler(signal.SIGTERM, stop.set)
    print(f"The chat is at http://127.0.0.1:{server.server_port}", flush=True)
    stop.wait()
    server.close()
    socketio.server.eio.shut_down()
    handler.Handler.finish(STOP_PATIENCE)


@app.get("/healthz")
def health() -> str:
    return "alive"


@app.get("/large")
def large() -> bytes:
    return b"x" * int(request.args["size"])


@app.post("/read")
def read() -> str:
    return str(len(request.get_data()))


@app.post("/ignore")
def ignore() -> str:
    return "ignored"


@app.get("/polls")
def polls() -> str:
    """Return how many polls are waiting."""
    asked = [each.environ.get("REQUEST_URI", each.path) for each in handler.Handler.in_progress]
    return str(sum("transport=polling&sid=" in address for address in asked))


@app.get("/count")
def count() -> str:
    """Return how many connections the server has."""
    return str(len(socketio.server.eio.sockets))


@app.get("/clients")
def clients() -> str:
    """Return how many Socket.IO clients the server has."""
    return str(len(list(socketio.server.manager.get_participants("/", None))))


@socketio.on("connect")
def on_connect(auth: Any = None) -> None:
    """Send two events to the client, with a pause in between that the client chooses."""
    auth = auth or {}
    if "emit" in auth:
        emit("welcome", 1)
        gevent.sleep(auth["emit"])
        emit("joined", 2, broadcast=True)
    if "refuse" in auth:
        raise ConnectionRefusedError(auth["refuse"])
    if "fail" in auth:
        raise RuntimeError("failed")


@socketio.on("spoil")
def on_spoil(method: str) -> None:
    """Make a method of the client's own connection fail from now on, as an unknown defect would."""

    def fail(*_: object) -> None:
        raise RuntimeError("spoiled")

    eio_sid = socketio.server.manager.eio_sid_from_sid(request.sid, "/")
    its = socketio.server.eio.sockets[eio_sid]
    setattr(its if hasattr(its, method) else its.websocket, method, fail)


@socketio.on("connect", namespace="/other")
def on_connect_other(auth: Any = None) -> None:
    """Accept connections to another namespace."""


@socketio.on("echo")
def on_echo(*data: Any) -> Any:
    return data[0] if data else None


@socketio.on("say")
def on_say(data: Any) -> None:
    """Send this message to everybody."""
    emit("said", data, broadcast=True)


@socketio.on("count")
def on_count(most: int) -> None:
    """Send the numbers up to this one to everybody."""
    for number in range(most):
        emit("said", number, broadcast=True)


@socketio.on("visit")
def on_visit(_: Any = None) -> None:
    """Enter a room and leave it again. The client receives only what is sent in between."""
    emit("said", "before", to="room")
    join_room("room")
    emit("said", "inside", to="room")
    leave_room("room")
    emit("said", "after", to="room")


@socketio.on("others")
def on_others(_: Any = None) -> None:
    """Send a message to everybody else."""
    emit("said", "others", broadcast=True, include_self=False)


@socketio.on("question")
def on_question(_: Any = None) -> None:
    """Ask the client a question, and send its answer to everybody."""
    emit("question", callback=lambda answer: socketio.emit("said", answer))


@socketio.on("bytes")
def on_bytes(_: Any = None) -> None:
    """Send bytes to everybody."""
    emit("bytes", {"a": b"\x00\xff", "b": [b"two", 3]}, broadcast=True)


@socketio.on("much")
def on_much(size: int, times: int) -> None:
    """Send numbered large events to the client."""
    for number in range(times):
        emit("much", [number, "x" * size])


@socketio.on("from a thread")
def on_thread(times: int) -> None:
    """Send numbers and a lot of text to everybody, from a thread that is not a greenlet."""

    def count_loudly() -> None:
        for number in range(times):
            socketio.emit("said", [number, "x" * 90_000])

    gevent.get_hub().threadpool.spawn(count_loudly)


@socketio.on("from outside")
def on_outside(_: Any = None) -> None:
    """Send a message to everybody from a thread that gevent does not know."""
    start = monkey.get_original("_thread", "start_new_thread")
    start(socketio.emit, ("said", "from outside"))


@socketio.on("end")
def on_end(_: Any = None) -> None:
    """Close the connection of the client, directly after an event has been sent to it."""
    emit("said", "the last")
    sid = request.sid  # type: ignore[attr-defined]
    socketio.server.eio.disconnect(socketio.server.manager.eio_sid_from_sid(sid, "/"))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    configure(sys.argv[2:])
    serve(int(sys.argv[1]))
