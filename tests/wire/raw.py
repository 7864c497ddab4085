"""A client that sends HTTP requests and WebSocket frames (RFC 6455) byte by byte, valid or not."""

import json
import select
import socket
import threading
import time
from typing import Any

import psutil
import requests

from tests.final_app.rig import ANSWER_TIMEOUT, Server

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
MB = 1_000_000
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NO_MASK = bytes(4)  # leaves the payload as it is
PIECE = 65536  # bytes sent at once
PROMPT = 1.0  # seconds until somebody else is answered
SEPARATOR = "\x1e"


def handshake(
    server: Server, *headers: str, path: str = WEBSOCKET, behind: bytes = b""
) -> tuple[socket.socket, int, str]:
    """Request a WebSocket. Return the connection, the status, and the head of the answer.

    `behind` is sent together with the request.
    """
    return ask(
        server,
        f"GET {path} HTTP/1.1",
        *headers,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
        behind=behind,
    )


def ask(server: Server, *lines: str, behind: bytes = b"") -> tuple[socket.socket, int, str]:
    """Send the lines of a request. Return the connection, the status, and the head of the answer."""
    line = dial(server)
    line.sendall("\r\n".join([*lines, "\r\n"]).encode() + behind)
    status, head = response(line)
    return line, status, head


def dial(server: Server, buffer: int = 0) -> socket.socket:
    """Open a connection. `buffer` is the size of the kernel's receive buffer in bytes."""
    line = socket.socket()
    line.settimeout(ANSWER_TIMEOUT)
    if buffer:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    line.connect(("127.0.0.1", server.port))
    return line


def response(line: socket.socket) -> tuple[int, str]:
    """Read the head of a response. Return its status and the complete head."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = line.recv(1)
        if not piece:
            raise EOFError(f"the server closed the connection after {head!r}")
        head += piece
    return int(head.split()[1]), head.decode()


def frame(
    payload: bytes,
    opcode: int = TEXT,
    *,
    fin: bool = True,
    announced: int = 0,
    reserved: int = 0,
    mask: bytes | None = NO_MASK,
) -> bytes:
    """Return a frame in its shortest form, as a browser sends it, or one with an error."""
    length = announced or len(payload)
    masked = 0 if mask is None else 0x80
    if length < 126:
        size = bytes([masked | length])
    elif length < 1 << 16:
        size = bytes([masked | 126]) + length.to_bytes(2)
    else:
        size = bytes([masked | 127]) + length.to_bytes(8)
    if mask and mask != NO_MASK:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([fin << 7 | reserved << 4 | opcode]) + size + (mask or b"") + payload


def received(line: socket.socket) -> tuple[int, bytes]:
    """Return the opcode and the payload of the server's next frame, which is a complete message."""

    def take(count: int) -> bytes:
        taken = b""
        while len(taken) < count:
            piece = line.recv(count - len(taken))
            if not piece:
                raise EOFError("the server closed the connection")
            taken += piece
        return taken

    first, length = take(2)
    assert first & 0xF0 == 0x80 and not length & 0x80, "neither fragments, nor bits, nor a mask"
    if length >= 126:
        length = int.from_bytes(take(2 if length == 126 else 8))
    return first & 0x0F, take(length)


def close_code(line: socket.socket) -> int:
    """Wait for the close frame, and return its code."""
    while (got := received(line))[0] != CLOSE:
        pass
    return int.from_bytes(got[1][:2])


def is_ended(line: socket.socket, seconds: float = ANSWER_TIMEOUT) -> bool:
    """Wait until the server has closed the connection, ignoring everything before."""
    line.settimeout(seconds)
    try:
        while line.recv(PIECE):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def is_dropped(line: socket.socket, seconds: float) -> bool:
    """Wait until the server has dropped a connection, without reading from it."""
    poll = select.poll()
    poll.register(line, select.POLLHUP | select.POLLERR)
    return bool(poll.poll(seconds * 1000))


def flood(line: socket.socket, size: int) -> int:
    """Send `size` bytes of payload, as long as the server reads. Return how many were sent."""
    sent = 0
    piece = b"x" * PIECE
    try:
        while sent < size:
            line.sendall(piece[: size - sent])
            sent += PIECE
    except OSError:  # the server closed the connection
        pass
    return min(sent, size)


class Watch:
    """Measures the cost of an attack: bytes of memory, and how long others wait for /healthz."""

    def __init__(self, server: Server) -> None:
        assert server.process
        self._process = psutil.Process(server.process.pid)
        self._url = f"{server.url}/healthz"
        self._ended = threading.Event()
        self._asks = threading.Thread(target=self._ask)
        self.slowest = 0.0  # seconds

    def __enter__(self) -> "Watch":
        requests.get(self._url, timeout=ANSWER_TIMEOUT)  # the first request loads more code
        self._before = self._most = self._process.memory_info().rss
        self._asks.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._asks.join()
        print(f"\n{self.growth / MB:.0f} MB more; others' slowest {self.slowest:.3f} s")

    @property
    def growth(self) -> int:
        return self._most - self._before

    def _ask(self) -> None:
        while True:
            began = time.monotonic()
            requests.get(self._url, timeout=120)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self._most = max(self._most, self._process.memory_info().rss)
            if self._ended.is_set():
                return


class Socket:
    """An Engine.IO connection over a WebSocket, which sends CONNECT unless it is a stranger's."""

    def __init__(
        self,
        server: Server,
        *headers: str,
        stranger: bool = False,
        sid: str = "",
        behind: bytes = b"",
    ) -> None:
        path = f"{WEBSOCKET}&sid={sid}" if sid else WEBSOCKET
        self.line, status, _ = handshake(
            server, "Host: localhost", *headers, path=path, behind=behind
        )
        assert status == 101
        if not sid:
            opened = self.text()
            assert opened.startswith("0{"), opened
            self.open = json.loads(opened[1:])
        if not (stranger or sid):
            self.connect()

    def connect(self) -> None:
        self.say("40")
        while not self.text().startswith("40{"):
            pass

    def say(self, packet: str) -> None:
        """Send an Engine.IO packet."""
        self.line.sendall(frame(packet.encode("utf-8", "surrogatepass")))

    def text(self) -> str:
        """Return the next Engine.IO packet.

        A WebSocket ping or the end of the connection is an error.
        """
        opcode, payload = received(self.line)
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    def until(self, start: str) -> list[str]:
        """Return the packets up to the first one with this beginning. Pings are answered."""
        packets = [self.text()]
        while not packets[-1].startswith(start):
            if packets[-1] == "2":
                self.say("3")
            packets.append(self.text())
        return packets

    def ask(self, event: str, *data: object) -> Any:
        """Send an event, and return its handler's return value."""
        self.say("421" + json.dumps([event, *data]))
        return json.loads(self.until("431[")[-1][3:])[0]

    def code(self) -> int:
        """Wait for the server's close frame, and return its code."""
        return close_code(self.line)

    def close(self) -> None:
        self.line.close()


class Poller:
    """An Engine.IO connection over polling, which sends CONNECT unless it is a stranger's."""

    def __init__(self, server: Server, *, stranger: bool = False, cookie: str = "") -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        if cookie:
            self.http.headers["Cookie"] = cookie
        self._url = server.url + POLLING
        answer = self.http.get(self._url, timeout=ANSWER_TIMEOUT)
        assert answer.ok, answer.text
        self.open = json.loads(answer.text[1:])
        self.sid = str(self.open["sid"])
        self.url = f"{self._url}&sid={self.sid}"
        if not stranger:
            self.post("40")
            while not any(packet.startswith("40{") for packet in self.poll()):
                pass

    def post(self, body: str | bytes) -> requests.Response:
        data = body.encode() if isinstance(body, str) else body
        return self.http.post(self.url, data=data, timeout=ANSWER_TIMEOUT)

    def get(self) -> requests.Response:
        return self.http.get(self.url, timeout=ANSWER_TIMEOUT)

    def poll(self) -> list[str]:
        """Return the packets of one poll."""
        answer = self.get()
        assert answer.status_code == 200, answer.text
        return answer.text.split(SEPARATOR)

    def until(self, start: str) -> list[str]:
        """Poll until a packet has this beginning. Return all packets. Pings are answered."""
        packets: list[str] = []
        while not any(packet.startswith(start) for packet in packets):
            came = self.poll()
            if "2" in came and start != "2":
                self.post("3")
            packets += came
        return packets

    def is_known(self) -> bool:
        """Return whether the server still knows the connection."""
        return self.post("40/nowhere,").status_code == 200
