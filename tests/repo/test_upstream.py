"""Small reproductions of the problems in libraries (`docs/upstream.md`).

Each test passes as long as the library has the problem. If one fails, the library has been fixed:
remove the workaround, the test and the paragraph.
"""

import contextlib
import functools
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import engineio.async_drivers.threading as threads
import pytest
import requests
import simple_websocket
import socketio
import websocket
from engineio import packet
from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI
from werkzeug.serving import make_server

pytestmark = pytest.mark.long
POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
PATIENCE = 3.0  # seconds
ATTACHMENTS = 20
MB = 1_000_000


@contextlib.contextmanager
def served(server: socketio.Server) -> Iterator[str]:
    """Serve an application in the same way as `flask run`, and yield its address."""
    http = make_server("127.0.0.1", 0, socketio.WSGIApp(server), threaded=True)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{http.server_port}"
    http.shutdown()


def connect(where: str) -> websocket.WebSocket:
    line = websocket.create_connection(f"ws://{where}{WEBSOCKET}", timeout=PATIENCE)
    line.recv()
    return line


def test_an_event_of_the_connect_handler_overtakes_connect() -> None:
    server = socketio.Server(async_mode="threading")
    server.on("connect", lambda sid, *_: server.emit("welcome", to=sid))
    with served(server) as where:
        line = connect(where)
        line.send("40")
        assert line.recv() == '42["welcome"]'
        assert str(line.recv()).startswith("40{")


def test_an_unknown_namespace_is_refused_with_a_string() -> None:
    with served(socketio.Server(async_mode="threading")) as where:
        line = connect(where)
        line.send("40/unknown")
        assert (
            line.recv() == '44/unknown,"Unable to connect"'
        )  # Node: {"message":"Invalid namespace"}


def test_a_polling_request_with_an_unknown_packet_is_never_answered() -> None:
    with served(socketio.Server(async_mode="threading")) as where:
        sid = requests.get(f"http://{where}{POLLING}", timeout=PATIENCE).text.split('"')[3]
        with pytest.raises(requests.Timeout):
            requests.post(f"http://{where}{POLLING}&sid={sid}", data="9", timeout=PATIENCE)


def test_a_packet_is_encoded_once_for_all_transports() -> None:
    """A polling answer contains the form that was first sent to a WebSocket."""
    binary = packet.Packet(packet.MESSAGE, b"abc")
    assert binary.encode(b64=False) == b"abc"
    assert binary.encode(b64=True) == b"abc"  # it should be "bYWJj"


def test_attachments_that_were_announced_have_no_bound() -> None:
    server = socketio.Server(async_mode="threading")
    server.on("connect", lambda *_: None)
    with served(server) as where:
        line = connect(where)
        line.send("40")
        line.recv()
        line.send(f'45{10**9}-["event"]')
        for _ in range(ATTACHMENTS):
            line.send_binary(b"x" * MB)
        line.send("3")
        held = functools.partial(_attachments, server)
        assert _becomes(held, ATTACHMENTS), held()


def _attachments(server: Any) -> int:
    return sum(len(each.attachments) for each in server._binary_packet.values())


def _becomes(measure: Any, wanted: object) -> bool:
    end = time.monotonic() + PATIENCE
    while measure() != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return bool(measure() == wanted)


def test_a_client_waits_for_the_end_of_its_connection() -> None:
    server = socketio.Server(async_mode="threading")
    server.on("connect", lambda *_: None)
    with served(server) as where:
        client = socketio.Client(reconnection=False)
        client.connect(f"http://{where}", transports=["websocket"])
        began = time.monotonic()
        client.disconnect()
        assert time.monotonic() - began > 2.0


def test_simple_websocket_sends_only_what_fits() -> None:
    here, there = socket.socketpair()
    here.settimeout(PATIENCE)  # as sockets of gevent do, it then writes what the kernel takes
    there.settimeout(PATIENCE)
    line = simple_websocket.Server({"werkzeug.socket": here, **_handshake()})
    line.send(b"x" * 10 * MB)
    here.shutdown(socket.SHUT_RDWR)
    received = 0
    while piece := there.recv(MB):
        received += len(piece)
    assert received < 10 * MB


def _handshake() -> dict[str, str]:
    return {
        "HTTP_HOST": "localhost",
        "HTTP_UPGRADE": "websocket",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
        "HTTP_SEC_WEBSOCKET_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
    }


def test_a_refused_message_leaves_its_reader_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = functools.partial(SimpleWebSocketWSGI, max_message_size=1000)
    monkeypatch.setitem(threads._async, "websocket", bounded)
    with served(socketio.Server(async_mode="threading")) as where:
        for _ in range(20):  # about two of three do
            line = connect(where)
            line.send("4" + "x" * 2000)
            with contextlib.suppress(OSError, websocket.WebSocketException):
                line.recv()
            line.shutdown()
        time.sleep(PATIENCE)  # nothing tells that a thread will never end
        requests_ = [t for t in threading.enumerate() if "process_request_thread" in t.name]
        assert requests_


def test_pywsgi_lets_the_kernel_wait_before_it_sends() -> None:
    import gevent.socket
    from gevent.pywsgi import WSGIHandler, WSGIServer

    seen = []

    class Handler(WSGIHandler):  # type: ignore[misc]
        def handle(self) -> None:
            seen.append(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    server = WSGIServer(("127.0.0.1", 0), None, handler_class=Handler, log=None)
    server.start()
    with gevent.socket.create_connection(("127.0.0.1", server.server_port)) as line:
        line.recv(1)
    server.stop()
    assert seen == [0]
