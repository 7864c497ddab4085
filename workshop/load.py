"""Many clients that listen to one chat and count its messages.

They are plain sockets, because these need little CPU time. They implement only the parts of Socket.IO
and WebSocket (RFC 6455) that a chat with short messages needs.
"""

import json
import selectors
import socket
import time
from collections.abc import Iterator

LISTENERS = 50
PATIENCE = 10.0  # seconds to wait until everybody has everything
PIECE = 65536  # bytes that are read at once
LINE = 100  # characters of a message, about as many as people write
TEXT, CLOSE = 1, 8  # kinds of frames
NO_MASK = bytes(4)  # a client must mask its frames; this mask changes nothing
HANDSHAKE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
CONNECT, EVENT, PING, PONG = b"40", b"42", b"2", b"3"  # how packets begin


class Undelivered(Exception):
    """A listener did not get each message once and in order. The message explains what happened."""


class Closed(Undelivered):
    """The server closed a listener's connection. What it prints about the reason comes later."""


class Room:
    """Several listeners in the chat at a port.

    The messages are events `new_message` with {"username": …, "text": …}.
    """

    def __init__(self, port: int, listeners: int = LISTENERS) -> None:
        self.sent = 0  # messages
        self._selector = selectors.DefaultSelector()
        self._listeners: list[Listener] = []
        for _ in range(listeners):
            listener = Listener(port)
            self._listeners.append(listener)
            self._selector.register(listener.line, selectors.EVENT_READ, listener)

    def __enter__(self) -> "Room":
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.line.close()
        self._selector.close()

    @property
    def deliveries(self) -> int:
        """The total number of messages that all listeners have received."""
        return sum(listener.received for listener in self._listeners)

    def say(self, messages: int = 1) -> None:
        """Send messages all at once, and wait until everybody has received them.

        Raises Undelivered if this fails.
        """
        numbers = range(self.sent, self.sent + messages)
        self._listeners[0].line.sendall(b"".join(map(_new_message, numbers)))
        self.sent += messages
        deadline = time.monotonic() + PATIENCE
        while missing := sum(each.received < self.sent for each in self._listeners):
            left = deadline - time.monotonic()
            if left < 0:
                raise Undelivered(
                    f"{missing} of {len(self._listeners)} listeners still wait for message "
                    f"{min(each.received for each in self._listeners) + 1} after {PATIENCE:.0f} s"
                )
            for key, _ in self._selector.select(left):
                key.data.read()


class Listener:
    """One connection. `received` is the number of messages that it has received."""

    def __init__(self, port: int) -> None:
        self.received = 0
        self.line = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.line.sendall(HANDSHAKE)
        self._unread = b""
        while b"\r\n\r\n" not in self._unread:
            self._receive()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise ConnectionError(f"Expected a WebSocket, received {head[:100]!r}")
        self._send(CONNECT)
        while not any(text.startswith(CONNECT) for text in self._texts()):
            self._receive()

    def read(self) -> None:
        """Read what has arrived. Raises Undelivered if a message is not the next one."""
        self._receive()
        for text in self._texts():
            if text.startswith(EVENT):
                self._count(text.removeprefix(EVENT))
            elif text == PING:
                self._send(PONG)

    def _count(self, event: bytes) -> None:
        _, message = json.loads(event)
        number = int(message["text"].split()[0])
        if number != self.received:
            raise Undelivered(
                f"a listener got message {number + 1} where message {self.received + 1} was next"
            )
        self.received += 1

    def _receive(self) -> None:
        piece = self.line.recv(PIECE)
        if not piece:
            raise Closed("the server closed a connection")
        self._unread += piece

    def _texts(self) -> Iterator[bytes]:
        """Yield the texts of all frames that have arrived completely."""
        while (end := _end_of_frame(self._unread)) and len(self._unread) >= end[1]:
            start, stop = end
            kind, text = self._unread[0] & 0x0F, self._unread[start:stop]
            self._unread = self._unread[stop:]
            if kind == CLOSE:
                raise Closed("the server closed a connection")
            if kind == TEXT:
                yield text

    def _send(self, packet: bytes) -> None:
        self.line.sendall(frame(packet))


def _new_message(number: int) -> bytes:
    text = f"{number} ".ljust(LINE, "x")
    event = ["new_message", {"username": "Ada", "text": text}]
    return frame(EVENT + json.dumps(event).encode())


def frame(text: bytes) -> bytes:
    """Return a frame that contains this text, as a client sends it."""
    size = len(text)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return bytes([0x80 | TEXT]) + length + NO_MASK + text


def _end_of_frame(data: bytes) -> tuple[int, int] | None:
    """Return where the first frame's text begins and ends, or None if its head is incomplete."""
    if len(data) < 4:
        return (2, 2 + data[1]) if len(data) >= 2 and data[1] < 126 else None
    if data[1] == 126:
        return 4, 4 + int.from_bytes(data[2:4], "big")
    return 2, 2 + data[1]
