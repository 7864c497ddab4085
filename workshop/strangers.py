"""A stranger who is not logged in, opens a WebSocket, and sends frames by hand, valid or not.

    somebody = stranger(chat)
    somebody.send("42[")                 # not a valid Socket.IO packet
    somebody.announce(60_000_000)        # a frame of 60 MB, of which only the beginning is sent
    somebody.answer()                    # "closed: 1002 expected a Socket.IO packet, …"

A stranger can reach only stages, which are on this computer, and sends only a few bytes.
"""

import socket

from workshop.load import CLOSE, HANDSHAKE, NO_MASK, TEXT, frame
from workshop.stages import Stage

PATIENCE = 10.0  # seconds for the handshake
MOMENT = 1.0  # seconds; when a server closes a connection, it takes only milliseconds
BEGINNING = 1000  # bytes of a long frame that are really sent
STILL_OPEN = "no answer, still open"


class Stranger:
    """One WebSocket to a stage. Only its handshake is correct."""

    def __init__(self, chat: Stage) -> None:
        self._line = socket.create_connection(("127.0.0.1", chat.port), PATIENCE)
        self._line.sendall(HANDSHAKE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._take(1)
        if b" 101 " not in head:
            raise ConnectionError(f"Expected a WebSocket, received {head[:100]!r}")
        self._next_frame()  # the server's first packet, which contains settings of the connection

    def send(self, packet: str) -> None:
        """Send a packet as a whole frame. The packet can contain anything."""
        self._line.sendall(frame(packet.encode()))

    def announce(self, size: int) -> None:
        """Send the head of a frame of `size` bytes, and only the first 1000 bytes of the frame."""
        head = bytes([0x80 | TEXT, 0x80 | 127]) + size.to_bytes(8, "big")
        self._line.sendall(head + NO_MASK + b"x" * min(size, BEGINNING))

    def answer(self) -> str:
        """Return how the server has closed the connection, or that it is still open after a second."""
        self._line.settimeout(MOMENT)
        try:
            while True:
                kind, payload = self._next_frame()
                if kind == CLOSE:
                    return f"closed: {int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}"
        except TimeoutError:
            return STILL_OPEN
        except OSError:
            return "closed without a reason"

    def leave(self) -> None:
        """Close the connection without a close frame."""
        self._line.close()

    def _next_frame(self) -> tuple[int, bytes]:
        """Return the kind and the payload of the next frame. Raises OSError if there is none."""
        first, size = self._take(2)
        if size >= 126:
            size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
        return first & 0x0F, self._take(size)

    def _take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            piece = self._line.recv(size - len(taken))
            if not piece:
                raise ConnectionError("the server closed the connection")
            taken += piece
        return taken


def stranger(chat: Stage) -> Stranger:
    """Open a WebSocket to a stage as somebody who is not logged in."""
    return Stranger(chat)
